"""`python -m tests.bench sts`: rated similarity of sentence pairs (STS benchmark).

Cer et al. 2017, https://aclanthology.org/S17-2001. The result is Spearman's correlation of cosine and rating, with
its bootstrap interval; nothing is chosen on the sentences. Any CSV of two texts and a number can be used.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from tokit.evaluation.bootstrap import interval, resampled
from tokit.evaluation.similarity import resampled_spearman

FloatArray = npt.NDArray[np.floating[Any]]
RESAMPLES = 1000


def read_rated(path: Path) -> tuple[list[str], list[str], FloatArray]:
    """(first texts, second texts, ratings)."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = [row[-3:] for row in csv.reader(file)]
    return [row[0] for row in rows], [row[1] for row in rows], np.array([float(row[2]) for row in rows])


def cosines(folder: Path, first: list[str], second: list[str]) -> FloatArray:
    """Of the vectors that `tokit embed` gives; 0 where one is nothing."""
    from tokit.embedding.static_embedder import open_static_embedder
    from tokit.lm.contextual_embedder import is_language_model, open_contextual_embedder

    embedder = open_contextual_embedder(folder) if is_language_model(folder) else open_static_embedder(folder)
    one, other = (embedder.embed(texts).astype(np.float64) for texts in (first, second))
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / np.maximum(lengths, 1e-12)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench sts", description="rated pairs of sentences")
    made.add_argument("-e", "--embedding", type=Path, action="append", required=True, help="folders; repeatable")
    made.add_argument("--data", type=Path, required=True, help="a CSV of text, text, rating")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    first, second, ratings = read_rated(asked.data)
    made = Table(title=f"{asked.data.stem}, {len(ratings):,} pairs", title_justify="left")
    for name in ("embedding", "Spearman", "95 %"):
        made.add_column(name, justify="left" if name == "embedding" else "right")
    for folder in asked.embedding:
        found = cosines(folder, first, second)
        whole = float(resampled_spearman(found, ratings, np.ones((1, len(ratings)), dtype=np.int64))[0])
        drawn = resampled(
            [lambda counts, found=found: resampled_spearman(found, ratings, counts)], len(ratings), RESAMPLES, 0
        )
        spread = interval(drawn[0])
        made.add_row(folder.name, f"{whole:.3f}", f"{spread.low:.3f} to {spread.high:.3f}" if spread else "")
    Console(width=None if sys.stdout.isatty() else 110).print(made)
    return 0
