"""`python -m tests.bench bits`: bits per byte of language models beside those of a 5-gram of the same tokens.

All are measured on the documents that the models held out: the 5-gram learns from the others, by the same tokenizer.
What special tokens cost is not counted, for none of them. The pseudo-likelihood of masked models is no probability of
the text, and has a column of its own.
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
from rich.console import Console
from rich.table import Table

from tests.bench.ngram import KneserNey

ORDER = 5
# Settings that say which documents are held out.
SPLIT = ("validation", "validation_bytes")


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the n-gram model gave."""

    bits_per_byte: float
    ngrams: int
    tokens: int
    held_out_tokens: int
    held_out_bytes: int
    seconds: float


def manifests(folders: list[Path]) -> dict[str, dict[str, Any]]:
    """What the folders say of themselves, by name.

    Raises:
        SystemExit: they were not trained on the same text with the same documents held out.
    """
    found = {str(folder): json.loads((folder / "tokit.json").read_text("utf-8")) for folder in folders}
    said = {
        json.dumps([m["corpus"], m["seed"], m["held_out"], *(m["params"][name] for name in SPLIT)])
        for m in found.values()
    }
    if len(said) > 1:
        raise SystemExit("error: the models have other text, or held other documents out: they do not compare")
    return found


def baseline(corpus: Path, tokenizer: Path, manifest: dict[str, Any]) -> Baseline:
    """The n-gram model on the text that a model learned from.

    Raises:
        SystemExit: it was other text, or the tokenizer keeps not every byte.
    """
    from tokit.corpus import open_corpus
    from tokit.ops import fit_contextual
    from tokit.ops.plan_contextual import plan_pretraining
    from tokit.progress import silent
    from tokit.stream import StreamWriter
    from tokit.tokenizer.foreign import open_tokenizer

    settings = {name: manifest["params"][name] for name in SPLIT}
    plan = plan_pretraining("llama", "tiny", settings, minutes=None, seed=manifest["seed"], threads=None)
    source, _ = fit_contextual.model_tokenizer(open_tokenizer(tokenizer), plan.family)
    with StreamWriter(source.vocab_size) as train, StreamWriter(source.vocab_size) as held:
        text = fit_contextual._encode(open_corpus([str(corpus)]), source, (train, held), plan, silent)
        if text.facts.as_dict() != manifest["corpus"]:
            raise SystemExit(f"error: {corpus} is not what the models were trained on")
        if not source.lossless:
            raise SystemExit(f"error: {tokenizer} does not keep every byte: there are no bits per byte")
        started = time.perf_counter()
        end = source.special_ids["endoftext"]
        model = KneserNey(*without_frame(train.mapped()), source.vocab_size, end, ORDER)
        ids, ends = without_frame(held.mapped())
        probabilities = model.probabilities(ids, ends)
    lengths = np.diff(ends, prepend=0)
    inside = np.ones(len(probabilities), dtype=np.bool_)
    inside[np.cumsum(lengths + 1) - 1] = False
    inside[inside] = ids != end
    size = int(text.held_out.bytes.sum())
    bits = -float(np.log2(probabilities[inside]).sum()) / size
    return Baseline(bits, model.size, int(train.token_counts.sum()), len(ids), size,
                    time.perf_counter() - started)  # fmt: skip


def without_frame(stream: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(ids, ends) of documents without the token that begins each of them."""
    keep = np.ones(len(stream.data), dtype=np.bool_)
    keep[np.concatenate([np.zeros(1, dtype=np.int64), stream.ends])[:-1]] = False
    return stream.data[keep].astype(np.int64), stream.ends - np.arange(1, len(stream.ends) + 1)


def print_results(found: Baseline, models: dict[str, dict[str, Any]], console: Console) -> None:
    """One table."""
    title = f"{found.held_out_bytes:,} bytes held out, {found.held_out_tokens:,} tokens"
    made = Table(title=title, title_justify="left")
    columns = ("model", "family", "tokens seen", "minutes", "bits per byte", "pseudo-likelihood bits")
    for name in columns:
        made.add_column(name, justify="left" if name in columns[:2] else "right")
    made.add_row(
        f"{found.ngrams:,} n-grams", f"{ORDER}-gram", f"{found.tokens:,}", f"{found.seconds / 60:.2f}",
        f"{found.bits_per_byte:.3f}", "",
    )  # fmt: skip
    for name, manifest in models.items():
        params, minutes = manifest["params"], manifest.get("minutes")
        seen = manifest["steps"] * params["batch"] * params["context"]
        pseudo, bits = (manifest.get(key) for key in ("pseudo_bits_per_byte", "bits_per_byte"))
        made.add_row(
            Path(name).name, manifest["family"], f"{seen:,}", f"{minutes:g}" if minutes else "",
            *("" if each is None else f"{each:.3f}" for each in (bits, pseudo)),
        )  # fmt: skip
    console.print(made)
    console.print(
        f"{ORDER}-gram: interpolated modified Kneser-Ney on the same documents and tokens. Pseudo-likelihood bits are"
        " of the first of the documents, and no probability of the text: they are not to be ranked with the others."
    )


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(prog="python -m tests.bench bits", description="language models beside a 5-gram")
    made.add_argument("--corpus", type=Path, required=True, help="the text file that the models were trained on")
    made.add_argument("-t", "--tokenizer", type=Path, required=True, help="the tokenizer that they were given")
    made.add_argument("--models", type=Path, nargs="+", required=True, metavar="FOLDER")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    models = manifests(asked.models)
    found = baseline(asked.corpus.resolve(strict=True), asked.tokenizer, next(iter(models.values())))
    print_results(found, models, Console(width=None if sys.stdout.isatty() else 120))
    return 0
