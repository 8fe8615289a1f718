"""`python -m tests.bench wic`: Word-in-Context, whether a word has the same meaning in two sentences.

Pilehvar and Camacho-Collados 2019, https://aclanthology.org/N19-1128. The meaning is predicted to be
the same when the cosine of the word's two vectors is above a threshold; a word's vector is the mean of its pieces. The
threshold, the layer and whether vectors are centered are chosen on train; the accuracy printed is that on dev. A static
embedding has one vector for a word, and differs only for other forms of it; the mean vectors of the sentences are
measured too.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

FloatArray = npt.NDArray[np.floating[Any]]
Bools = npt.NDArray[np.bool_]
TRAIN, DEV = "train", "dev"
# What vectors are compared.
ALONE, IN_CONTEXT, SENTENCE = "word", "word in its sentence", "sentence"


@dataclass(frozen=True, slots=True)
class Place:
    """A word in a sentence: its words are apart by a space, and the word is the characters from `start` to `end`."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Pairs:
    """Two places each, and whether the word means the same in both."""

    first: list[Place]
    second: list[Place]
    same: Bools


@dataclass(frozen=True, slots=True)
class Choice:
    """Best choice on train, and its accuracy."""

    how: str
    threshold: float
    train: float
    dev: float


def read_pairs(path: Path) -> Pairs:
    """Lines of label, word, part of speech, the two places, and the two sentences."""
    first, second, same = [], [], []
    with path.open(encoding="utf-8") as file:
        for line in file:
            label, _, _, places, *texts = line.rstrip("\n").split("\t")
            one, other = (int(place) for place in places.split("-"))
            first.append(place_of(texts[0], one))
            second.append(place_of(texts[1], other))
            same.append(label == "T")
    return Pairs(first, second, np.array(same))


def place_of(text: str, number: int) -> Place:
    """The word of a number, from 0 on."""
    words = text.split(" ")
    start = len(" ".join(words[:number])) + (number > 0)
    return Place(text, start, start + len(words[number]))


def pieces_of(tokenizer: Any, place: Place, *, framed: bool) -> tuple[list[int], Bools]:
    """(ids of the sentence, which of those without the frame are of the word)."""
    encoding = tokenizer.library.encode(place.text, add_special_tokens=framed)
    inside = [
        start < place.end and end > place.start
        for (start, end), special in zip(encoding.offsets, encoding.special_tokens_mask, strict=True)
        if not special
    ]
    return encoding.ids, np.array(inside, dtype=np.bool_)


def contextual_vectors(folder: Path, places: list[Place]) -> Iterator[tuple[str, str, FloatArray]]:
    """(kind, layer, vectors of the places), from the table of tokens on: those of the words, and of their sentences."""
    from tokit.arrays import Ids
    from tokit.lm.contextual_embedder import open_contextual_embedder

    layer, last = 0, 0
    while layer <= last:
        embedder = open_contextual_embedder(folder, layer=str(layer))
        # The model says how many there are.
        last = int(embedder.encoder.model.config.num_hidden_layers)
        encoded = [pieces_of(embedder.tokenizer, place, framed=True) for place in places]
        words, sentences = (np.zeros((len(places), embedder.dim), dtype=np.float32) for _ in range(2))
        found = embedder.tokens(Ids.of([ids for ids, _ in encoded]))
        for number, ((_, inside), (_, parts)) in enumerate(zip(encoded, found, strict=True)):
            rows = np.concatenate(list(parts))
            # A word behind what the model takes has no vector.
            kept = rows[inside[: len(rows)]]
            words[number] = kept.mean(axis=0) if len(kept) else 0
            sentences[number] = rows.mean(axis=0)
        yield IN_CONTEXT, f"layer {layer}", words
        yield SENTENCE, f"layer {layer}", sentences
        layer += 1


def static_vectors(folder: Path, places: list[Place]) -> Iterator[tuple[str, str, FloatArray]]:
    """(kind, where from, vectors of the places): the word's vector, and the mean of its sentence."""
    from tokit.embedding.static_embedder import open_static_embedder

    embedder = open_static_embedder(folder)
    table = embedder.embedding.vectors
    words, sentences = (np.zeros((len(places), table.shape[1]), dtype=np.float32) for _ in range(2))
    for number, place in enumerate(places):
        ids, inside = pieces_of(embedder.tokenizer, place, framed=False)
        rows = table[ids]
        words[number] = rows[inside].mean(axis=0) if inside.any() else 0
        sentences[number] = rows.mean(axis=0)
    yield ALONE, "table", words
    yield SENTENCE, "table", sentences


def cosines(first: FloatArray, second: FloatArray) -> FloatArray:
    """Of each pair; 0 where a vector is nothing."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return (first * second).sum(axis=1) / np.maximum(lengths, 1e-12)


def best_threshold(scores: FloatArray, same: Bools) -> tuple[float, float]:
    """(the threshold above which pairs are the same, the accuracy that it gives); the lowest of equally good ones."""
    order = np.argsort(scores, kind="stable")
    ranked, truth = scores[order], same[order]
    # With the first k below the threshold.
    right = np.concatenate([[0], np.cumsum(~truth)]) + np.concatenate([np.cumsum(truth[::-1])[::-1], [0]])
    # Scores that are equal are on one side.
    possible = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    k = int(np.where(possible, right, -1).argmax())
    edges = np.concatenate([[ranked[0] - 1], ranked, [ranked[-1] + 1]])
    return float((edges[k] + edges[k + 1]) / 2), float(right[k] / len(same))


def choices(folder: Path, data: dict[str, Pairs]) -> Iterator[tuple[str, Choice]]:
    """(kind of vectors, the best choice on train) of an embedding."""
    from tokit.lm.contextual_embedder import is_language_model

    places = [place for pairs in data.values() for place in (*pairs.first, *pairs.second)]
    found = (contextual_vectors if is_language_model(folder) else static_vectors)(folder, places)
    judged = [(kind, each) for kind, source, vectors in found for each in judge(source, vectors, data)]
    for kind in dict.fromkeys(kind for kind, _ in judged):
        yield kind, max((each for name, each in judged if name == kind), key=lambda each: each.train)


def judge(source: str, vectors: FloatArray, data: dict[str, Pairs]) -> Iterator[Choice]:
    """The plain cosine, and that of vectors without the mean of train's."""
    size = 2 * len(data[TRAIN].same)
    for how, moved in ((source, vectors), (f"{source}, centred", vectors - vectors[:size].mean(axis=0))):
        halves = (moved[:size], moved[size:])
        train, dev = (cosines(*np.split(half, 2)) for half in halves)
        threshold, right = best_threshold(train, data[TRAIN].same)
        yield Choice(how, threshold, right, float(((dev > threshold) == data[DEV].same).mean()))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench wic", description="Word-in-Context of embeddings")
    made.add_argument("-e", "--embedding", type=Path, action="append", required=True, help="folders; repeatable")
    made.add_argument("--data", type=Path, required=True, help="a folder with train.tsv and dev.tsv")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    data = {name: read_pairs(asked.data / f"{name}.tsv") for name in (TRAIN, DEV)}
    count = len(data[DEV].same)
    made = Table(title=f"Word-in-Context, {count} pairs of dev", title_justify="left")
    for name in ("embedding", "vectors", "chosen on train", "threshold", "train", "dev", "±"):
        made.add_column(name, justify="left" if name in ("embedding", "vectors", "chosen on train") else "right")
    for folder in asked.embedding:
        for kind, best in choices(folder, data):
            print(f"{folder.name}: {kind}", file=sys.stderr, flush=True)
            spread = 1.96 * math.sqrt(best.dev * (1 - best.dev) / count)
            made.add_row(
                folder.name, kind, best.how, f"{best.threshold:.3f}", f"{best.train:.3f}", f"{best.dev:.3f}",
                f"{spread:.3f}",
            )  # fmt: skip
    console = Console(width=None if sys.stdout.isatty() else 130)
    console.print(made)
    console.print(f"always the same answer: {max(data[DEV].same.mean(), 1 - data[DEV].same.mean()):.3f}. ±: 95 %.")
    return 0
