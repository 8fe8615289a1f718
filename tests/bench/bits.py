"""`python -m tests.bench bits`: bits per byte of language models beside those of a 5-gram of the same tokens.

All are evaluated on the documents that the models held out. The 5-gram is trained on the other documents with the same
tokenizer: once on all of them, and once for each causal model on the first tokens, as many as the model has seen.
Special tokens are not counted. The pseudo-likelihood of masked models is not a probability of the text, and has
a column of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from tests.bench.ngram import KneserNey

ORDER = 5
IntArray = npt.NDArray[np.integer[Any]]
# Ids without a frame, and the exclusive end of each document.
Documents = tuple[IntArray, IntArray]
# Settings that say which documents are held out.
SPLIT = ("validation_fraction", "validation_bytes")


@dataclass(frozen=True, slots=True)
class Baseline:
    """Result of an n-gram model."""

    bits_per_byte: float
    ngrams: int
    tokens: int
    held_out_tokens: int
    held_out_bytes: int
    seconds: float


def _held_out(manifest: dict[str, Any]) -> list[int]:
    facts = manifest["pretraining"]["held_out"]
    return [facts["documents"], facts["bytes"]]


def _bits(manifest: dict[str, Any]) -> float | None:
    bits: float | None = manifest["pretraining"]["held_out"]["bits_per_byte"]
    return bits


def manifests(folders: list[Path]) -> dict[str, dict[str, Any]]:
    """Manifests of the models by the names of their folders.

    Raises:
        SystemExit: they were not trained on the same text with the same documents held out.
    """
    found = {str(folder): json.loads((folder / "tokit.json").read_text("utf-8")) for folder in folders}
    said = {
        json.dumps([m["corpus"], m["seed"], _held_out(m), *(m["params"][name] for name in SPLIT)])
        for m in found.values()
    }
    if len(said) > 1:
        raise SystemExit("error: the models have other text, or held other documents out: they do not compare")
    return found


def baselines(corpus: Path, tokenizer: Path, models: dict[str, dict[str, Any]]) -> list[Baseline]:
    """n-gram models on the text that the models learned from: of so many tokens as causal ones have seen, and of all.

    Raises:
        SystemExit: it was other text, or the tokenizer keeps not every byte.
    """
    from tokit.corpus import open_corpus
    from tokit.lm.plan import plan_pretraining
    from tokit.lm.pretraining_fit import FRAMED, model_tokenizer
    from tokit.progress import silent
    from tokit.tokenizer.load import load_tokenizer
    from tokit.tokenizer.training_text import HoldOut, read_training_text

    manifest = next(iter(models.values()))
    settings = {name: manifest["params"][name] for name in SPLIT}
    plan = plan_pretraining("llama", "tiny", settings, minutes=None, seed=manifest["seed"], threads=None)
    source, _ = model_tokenizer(load_tokenizer(tokenizer), plan.family)
    hold_out = HoldOut(plan.params.validation_fraction, plan.seed, plan.params.validation_bytes)
    text = read_training_text(open_corpus([str(corpus)]), source, hold_out, FRAMED, silent)
    if text.facts.as_dict() != manifest["corpus"]:
        raise SystemExit(f"error: {corpus} is not what the models were trained on")
    if not source.lossless or text.held_out is None:
        raise SystemExit(f"error: {tokenizer} does not keep every byte: there are no bits per byte")
    learned, wanted = without_frame(text.ids), without_frame(text.held_out)
    end, size = source.special_ids["endoftext"], int(text.held_out_sizes.sum())
    every = len(learned[0])
    counts = {min(seen_by(each), every) for each in models.values() if _bits(each) is not None} | {every}
    return [baseline(first_of(*learned, count), wanted, source.vocab_size, end, size) for count in sorted(counts)]


def baseline(learned: Documents, wanted: Documents, vocab_size: int, end: int, size: int) -> Baseline:
    """Train an n-gram model and evaluate it.

    Args:
        learned: What it learns from.
        wanted: What it is measured on.
        vocab_size: Ids are below it.
        end: The id of end-of-text.
        size: Bytes of what it is measured on.
    """
    started = time.perf_counter()
    model = KneserNey(*learned, vocab_size, end, ORDER)
    ids, ends = wanted
    probabilities = model.probabilities(ids, ends)
    lengths = np.diff(ends, prepend=0)
    inside = np.ones(len(probabilities), dtype=np.bool_)
    inside[np.cumsum(lengths + 1) - 1] = False
    inside[inside] = ids != end
    bits = -float(np.log2(probabilities[inside]).sum()) / size
    return Baseline(bits, model.size, len(learned[0]), len(ids), size, time.perf_counter() - started)


def seen_by(manifest: dict[str, Any]) -> int:
    """Tokens that a model has seen."""
    params = manifest["params"]
    return int(manifest["steps"] * params["batch_size"] * params["context_length"])


def first_of(ids: IntArray, ends: IntArray, count: int) -> Documents:
    """The first documents, which together have no more than so many tokens; at least one of them."""
    documents = max(int(np.searchsorted(ends, count, side="right")), 1)
    return ids[: ends[documents - 1]], ends[:documents]


def without_frame(stream: Any) -> Documents:
    """(ids, ends) of documents without the token that begins each of them."""
    keep = np.ones(len(stream.data), dtype=np.bool_)
    keep[np.concatenate([np.zeros(1, dtype=np.int64), stream.ends])[:-1]] = False
    return stream.data[keep].astype(np.int64), stream.ends - np.arange(1, len(stream.ends) + 1)


def print_results(found: list[Baseline], models: dict[str, dict[str, Any]], console: Console) -> None:
    """One table."""
    title = f"{found[0].held_out_bytes:,} bytes held out, {found[0].held_out_tokens:,} tokens"
    made = Table(title=title, title_justify="left")
    columns = ("model", "family", "tokens seen", "minutes", "bits per byte", "pseudo-likelihood bits")
    for name in columns:
        made.add_column(name, justify="left" if name in columns[:2] else "right")
    for each in found:
        made.add_row(
            f"{each.ngrams:,} n-grams", f"{ORDER}-gram", f"{each.tokens:,}", f"{each.seconds / 60:.2f}",
            f"{each.bits_per_byte:.3f}", "",
        )  # fmt: skip
    for name, manifest in models.items():
        minutes = manifest["pretraining"]["minutes"]
        pseudo, bits = (manifest["pretraining"]["held_out"][key] for key in ("pseudo_bits_per_byte", "bits_per_byte"))
        made.add_row(
            Path(name).name, manifest["family"], f"{seen_by(manifest):,}", f"{minutes:g}" if minutes else "",
            *("" if each is None else f"{each:.3f}" for each in (bits, pseudo)),
        )  # fmt: skip
    console.print(made)
    console.print(
        f"{ORDER}-gram: interpolated modified Kneser-Ney on the same documents and tokens. Pseudo-likelihood bits are"
        " of the first of the documents, and no probability of the text: they are not to be ranked with the others."
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench bits", description="language models beside a 5-gram")
    made.add_argument("--corpus", type=Path, required=True, help="the text file that the models were trained on")
    made.add_argument("-t", "--tokenizer", type=Path, required=True, help="the tokenizer of the models")
    made.add_argument("--models", type=Path, nargs="+", required=True, metavar="FOLDER")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    models = manifests(asked.models)
    found = baselines(asked.corpus.resolve(strict=True), asked.tokenizer, models)
    print_results(found, models, Console(width=None if sys.stdout.isatty() else 120))
    return 0
