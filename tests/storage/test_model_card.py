"""Model cards: what the Hub reads of them, and what they say to people."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard, ModelCardData

from tests.support.program import Ran, assert_error
from tokit.cli.card_options import languages, shown_command
from tokit.storage.model_card import CardSettings, model_card

Cli = Callable[..., Ran]
TASK = {"labels": ["a", "b"], "examples": 9, "held_out": 12, "scores": {"accuracy": 0.75, "macro_f1": None}}
CORPUS = {"fingerprint": "00", "documents": 1200, "bytes": 34_000}


def manifest(kind: str, family: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "family": family, "vocab_size": 8000, "corpus": CORPUS, **more}


@pytest.mark.parametrize(
    ("entries", "library", "pipeline"),
    [
        (manifest("tokenizer", "bpe"), "transformers", None),
        (manifest("embedding", "skipgram"), "sentence-transformers", "feature-extraction"),
        (manifest("language-model", "bert", pretraining={"sentence": None}), "transformers", "fill-mask"),
        (manifest("language-model", "modernbert", pretraining={"sentence": None}), "transformers", "fill-mask"),
        (manifest("language-model", "llama", pretraining={"sentence": None}), "transformers", "text-generation"),
        (manifest("language-model", "lstm", pretraining={"sentence": None}), "tokit", "feature-extraction"),
        (
            manifest("language-model", "bert", pretraining={"sentence": "simcse"}),
            "sentence-transformers",
            "sentence-similarity",
        ),
        (manifest("language-model", "bert", task={"name": "classify", **TASK}), "transformers", "text-classification"),
        (manifest("language-model", "llama", task={"name": "tokens", **TASK}), "transformers", "token-classification"),
        (manifest("language-model", "bert", task={"name": "pairs", **TASK}), "transformers", "text-classification"),
        (manifest("onnx-model", "bert"), "onnx", "feature-extraction"),
    ],
)
def test_front_matter_is_the_hubs(entries: dict[str, Any], library: str, pipeline: str | None) -> None:
    card = ModelCard(model_card(entries, CardSettings("tokit train …", "cc-by-4.0", ("en", "cy"))))
    data = card.data
    assert isinstance(data, ModelCardData)
    assert (data.library_name, data.pipeline_tag, data.license) == (library, pipeline, "cc-by-4.0")
    assert data.language == ["en", "cy"] and "tokit" in data.tags and entries["family"] in data.tags
    assert (data.metrics is not None) == ("task" in entries)
    # What a parser reads is what was meant: written again, it is the same.
    assert ModelCardData(**data.to_dict()).to_dict() == data.to_dict()
    assert "1,200" in card.text and "tokit train …" in card.text


def test_without_a_license_there_is_no_key_and_the_card_says_so() -> None:
    card = ModelCard(model_card(manifest("tokenizer", "bpe")))
    assert card.data.license is None and "No license was given" in card.text
    assert card.data.language is None and "Made by" not in card.text


def test_metrics_are_named_with_their_examples() -> None:
    text = model_card(manifest("language-model", "bert", task={"name": "classify", **TASK}))
    assert "| accuracy | 0.75 |" in text and "| held-out examples | 12 |" in text and "macro f1" not in text
    held_out = {"documents": 30, "bytes": 900, "loss": 2.5, "bits_per_byte": 1.25, "pseudo_bits_per_byte": None}
    text = model_card(manifest("language-model", "llama", pretraining={"sentence": None, "held_out": held_out}))
    assert "| bits per byte | 1.25 |" in text and "| held-out documents | 30 |" in text


def test_card_of_an_lstm_says_what_opens_it() -> None:
    text = model_card(manifest("language-model", "lstm"))
    assert "`AutoModel` and `SentenceTransformer` do not open it" in text and "tokit embed -e" in text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("train bpe text -v 300 -o tok --threads 2 -q", "tokit train bpe text -v 300 -o NEW"),
        ("fit bert text -t tok --threads 2 --out=m --json", "tokit fit bert text -t tok --threads 2 -o NEW"),
        ("train bpe /home/me/texts -o/tmp/x --engine reference", "tokit train bpe texts -o NEW"),
        ("train bpe 'a b' -o tok", "tokit train bpe 'a b' -o NEW"),
        ("", ""),
        ("fit bert t -o e --checkpoint-every 1000 --resume --seed 1", "tokit fit bert t -o NEW --seed 1"),
        ("fit svd t -t k --threads 2 -o e", "tokit fit svd t -t k -o NEW"),
        ("fit svd t -t k --deterministic -o e", "tokit fit svd t -t k -o NEW"),
        ("fit glove t -t k --threads 1 -o e", "tokit fit glove t -t k -o NEW --deterministic"),
        ("fit glove t --threads=1 -o e -t k", "tokit fit glove t -o NEW -t k --deterministic"),
        ("fit glove t --deterministic --threads 4 -o e", "tokit fit glove t -o NEW --deterministic"),
        ("fit glove t --threads 2 -o e", "tokit fit glove t --threads 2 -o NEW"),
        ("fit bert t --threads 1 -o e", "tokit fit bert t --threads 1 -o NEW"),
    ],
)
def test_command_without_what_is_of_this_machine(line: str, shown: str) -> None:
    import shlex

    assert shown_command(shlex.split(line)) == shown


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("train bpe @parallel/en @parallel/de -o tok", ("en", "de")),
        ("train bpe @parallel/en text -o tok", ()),
        ("train bpe -v 300 @parallel/en -o tok", ()),
        ("train bpe @parallel -o tok", ()),
        ("train bpe @lee -o tok", ()),
        ("fit bert @parallel/en --from other -o m", ()),
    ],
)
def test_language_is_said_where_it_is_known(line: str, codes: tuple[str, ...]) -> None:
    assert languages(line.split()) == codes


def test_every_folder_has_a_card(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    assert cli("train", "bpe", english_file, "-v", "300", "-o", tmp_path / "tok", "--license", "mit").code == 0
    assert cli("fit", "svd", english_file, "-t", tmp_path / "tok", "--dim", "4", "-o", tmp_path / "emb").code == 0
    tokenizer, embedding = (ModelCard.load(tmp_path / name / "README.md") for name in ("tok", "emb"))
    assert tokenizer.data.license == "mit" and embedding.data.license is None
    assert f"tokit train bpe {english_file.name} -v 300 -o NEW --license mit" in tokenizer.text
    assert "tokit fit svd" in embedding.text and str(tmp_path) not in tokenizer.text + embedding.text
    again = tmp_path / "again"
    assert cli("train", "bpe", english_file, "-v", "300", "-o", again, "--threads", 1, "--license", "mit").code == 0
    assert (again / "README.md").read_bytes() == (tmp_path / "tok" / "README.md").read_bytes()
    # It is not sealed: a card is there to be edited.
    assert "README.md" not in json.loads((tmp_path / "tok" / "tokit.json").read_text("utf-8"))["files"]
    (tmp_path / "tok" / "README.md").write_text("other", encoding="utf-8")
    assert cli("inspect", tmp_path / "tok", "--check").code == 0
    assert re.search(r"README", cli("inspect", tmp_path / "tok").text) is None


def test_unknown_license_is_refused(cli: Cli, english_file: Path, tmp_path: Path) -> None:
    for name, hint in (("MIT", "did you mean 'mit'?"), ("cc-by-5.0", "did you mean 'cc-by-"), ("mine", "or other")):
        ran = cli("train", "bpe", english_file, "-o", tmp_path / "tok", "--license", name)
        assert_error(ran, 2, f"unknown --license '{name}'", hint)
    assert not (tmp_path / "tok").exists()
