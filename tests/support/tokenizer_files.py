"""Tokenizer files of other tools, made for tests, and texts to encode with them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.support.texts import PARALLEL

NATURAL = [line for path in sorted(PARALLEL.glob("*.txt")) for line in path.read_text("utf-8").split("\n") if line]
# Few letters: merging by rank and by merge list might differ on long runs.
RUNS = st.text("aab \n", max_size=30)
# Name → options of SentencePiece's trainer.
SPM_MODELS: dict[str, dict[str, Any]] = {
    "bpe": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
    },
    "unigram": {"model_type": "unigram"},
    "bpe-nfkc": {"model_type": "bpe"},
}


def write_gpt2_files(bpe_folder: Path, folder: Path) -> Path:
    """Write a trained bpe as vocab.json and merges.txt; returns the folder."""
    model = json.loads((bpe_folder / "tokenizer.json").read_bytes())["model"]
    (folder / "vocab.json").write_text(json.dumps(model["vocab"]), encoding="utf-8")
    merges = "".join(f"{left} {right}\n" for left, right in model["merges"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + merges, encoding="utf-8")
    return folder


def sentencepiece_model(**options: Any) -> bytes:
    """A model that SentencePiece trains on the parallel corpus."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(NATURAL),
        model_writer=model,
        vocab_size=2400,
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return model.getvalue()
