"""`python -m tests.bench senses`: separation of the senses of ten ambiguous words by a language model.

Each sense has three sentences. Senses are separated when the word's vectors in sentences of one sense are nearer to
each other than to those of the other. Neighbors of the word in the first sentence of each sense are printed too.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from tokit.corpus import open_corpus
from tokit.embedding.nearest import unit_rows
from tokit.lm.context_space import ContextSpace, open_context_space
from tokit.lm.word_in_context import InContext, NearContext, Occurrence

# Word → sense → sentences with the word in it.
Words = dict[str, dict[str, list[str]]]
LISTS: dict[str, Words] = tomllib.loads(Path(__file__).with_name("senses.toml").read_text("utf-8"))
DEFAULT_LIST = "everyday"
BESIDE = 50


@dataclass(frozen=True)
class Separation:
    """Distances within and across two senses of a word.

    Attributes:
        word: The word.
        within: Mean cosine of two sentences of one sense.
        across: Mean cosine of two sentences of different senses.
        right: Sentences whose word is nearer to the mean of the others of its sense than to that of the other sense.
        sentences: All of them.
    """

    word: str
    within: float
    across: float
    right: int
    sentences: int

    @property
    def separate(self) -> bool:
        """True when the senses are separated on average and in each sentence."""
        return self.within > self.across and self.right == self.sentences


@dataclass(frozen=True)
class Shown:
    """Neighbors of a word in the first sentence of a sense.

    Attributes:
        word: The word.
        sense: What it means there.
        words: Other words nearby, nearest first.
        place: Where the word itself stands in the corpus most alike; empty without a corpus.
    """

    word: str
    sense: str
    words: tuple[str, ...]
    place: str


def separation(word: str, senses: Sequence[np.ndarray]) -> Separation:
    """Measure the distances within and across senses.

    Args:
        word: The word.
        senses: Of each its sentences' vectors; shape (sentences, dim).
    """
    rows = [unit_rows(each) for each in senses]
    within = [float(a @ b) for each in rows for a, b in combinations(each, 2)]
    across = [float(a @ b) for one, other in combinations(rows, 2) for a in one for b in other]
    right = 0
    for number, each in enumerate(rows):
        others = [other.mean(axis=0) for k, other in enumerate(rows) if k != number]
        for k, row in enumerate(each):
            own = np.delete(each, k, axis=0).mean(axis=0)
            right += all(_cosine(row, own) > _cosine(row, other) for other in others)
    return Separation(word, float(np.mean(within)), float(np.mean(across)), right, sum(map(len, rows)))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def measured(space: ContextSpace, words: Words) -> list[Separation]:
    """All words."""
    found = []
    for word, senses in words.items():
        rows = [space.vectors([InContext.of(word, text) for text in texts]) for texts in senses.values()]
        found.append(separation(word, rows))
    return found


def neighbors(space: ContextSpace, words: Words, corpus: Path | None, count: int) -> list[Shown]:
    """Find the neighbors of each word in the first sentence of each sense."""
    asked = [(word, sense, InContext.of(word, texts[0])) for word, of in words.items() for sense, texts in of.items()]
    queries = [query for _, _, query in asked]
    if corpus is None:
        near = space.near_in_vocabulary(queries, count)
    else:
        # So many that the word itself is most likely among them.
        near = space.near_in_corpus(queries, open_corpus([str(corpus)]), count + BESIDE, per_word=1)
    return [_shown(word, sense, each, count) for (word, sense, _), each in zip(asked, near, strict=True)]


def _shown(word: str, sense: str, found: NearContext, count: int) -> Shown:
    own = [each for each in found.neighbors if each.word.casefold() == word]
    others = [each.word.lower() for each in found.neighbors if each.word.casefold() != word]
    return Shown(word, sense, tuple(others[:count]), _place(own[0]) if own else "")


def _place(found: Occurrence, around: int = 30) -> str:
    if found.text is None or found.start is None or found.end is None:
        return ""
    before, after = found.text[: found.start][-around:], found.text[found.end :][:around]
    # A part of a word at either end tells nothing.
    before = before.partition(" ")[2] if found.start > around else before
    after = after.rpartition(" ")[0] if found.end + around < len(found.text) else after
    return " ".join(f"{before}**{found.word}**{after}".split()).replace("|", " ")


def markdown(found: Sequence[Separation], near: Sequence[Shown]) -> str:
    """Two tables, as a page of Markdown has them."""
    lines = ["| word | within a sense | across | sentences correct | separated |", "|---|---|---|---|---|"]
    for each in found:
        separated = "yes" if each.separate else "no"
        right = f"{each.right} of {each.sentences}"
        lines.append(f"| {each.word} | {each.within:.3f} | {each.across:.3f} | {right} | {separated} |")
    right, all_ = sum(each.right for each in found), sum(each.sentences for each in found)
    lines.append(
        f"\n{sum(each.separate for each in found)} of {len(found)} words separated, {right} of {all_} sentences.\n"
    )
    lines += ["| word | nearest words | nearest place |", "|---|---|---|"]
    lines += [f"| {each.word} {each.sense} | {', '.join(each.words)} | {each.place} |" for each in near]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.bench senses", description="ten ambiguous words in a model")
    made.add_argument("-e", "--embedding", type=Path, required=True, help="folder of a language model")
    made.add_argument("--words", choices=tuple(LISTS), default=DEFAULT_LIST, help="list of ten words in senses.toml")
    made.add_argument("--corpus", type=Path, help="a text file; without it neighbors are of the vocabulary")
    made.add_argument("--layer", help="0 to -1, or last4; else the last")
    made.add_argument("-k", type=int, default=5, help="number of neighbors")
    made.add_argument("--save", type=Path, help="all results")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    space = open_context_space(asked.embedding, layer=asked.layer)
    words = LISTS[asked.words]
    found = measured(space, words)
    print(f"{sum(each.separate for each in found)} of {len(found)} words separated", file=sys.stderr, flush=True)
    near = neighbors(space, words, asked.corpus, asked.k)
    print(markdown(found, near))
    if asked.save is not None:
        result = {"separation": [asdict(each) for each in found], "near": [asdict(each) for each in near]}
        asked.save.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0
