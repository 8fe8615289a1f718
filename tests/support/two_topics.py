"""A small text of two topics, and embeddings fitted on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import tokit
from tokit.arrays import Pieces
from tokit.embedding.static_fit import FitReport
from tokit.ops.fit import fit_embedding

# Least correlation of the similarities of two trainings with other seeds.
LIKE = 0.98
FRUIT = ["apple", "pear", "plum", "cherry", "grape"]
METAL = ["iron", "copper", "zinc", "silver", "tin"]
WINDOWED = {"epochs": 20, "sample": 0, "learning_rate": 0.05}
# Parameters with which a family separates the two topics.
FOR_LITTLE_TEXT: dict[str, dict[str, Any]] = {
    "skipgram": WINDOWED,
    "cbow": WINDOWED,
    "fasttext": WINDOWED,
    "glove": {"learning_rate": 0.2},
    "svd": {"power": 0.5},
}


def two_topics(lines: int = 600) -> str:
    """Lines of words of one topic each."""
    draw = np.random.default_rng(0)
    return "\n".join(" ".join(draw.choice(FRUIT if n % 2 else METAL, size=8)) for n in range(lines)) + "\n"


def fit(text: Path, tokenizer: Path, out: Path, **options: Any) -> FitReport:
    return fit_embedding(tokit.open_corpus([str(text)]), tokenizer, out, **{"dim": 16, "threads": 1, **options})


def pieces(*texts: str) -> Pieces:
    return Pieces(tuple(f"name{i}" for i in range(len(texts))), texts, np.zeros(len(texts), dtype=np.bool_))
