"""`python -m tests.bench senses`: whether a language model tells the senses of ten ambiguous words apart.

Each sense has three sentences. Senses are apart when the word's vectors in sentences of one sense are nearer to each
other than to those of the other. What lies near the word in the first sentence of each shows what it is taken for.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from tokit.corpus import open_corpus
from tokit.ops.near_context import ContextSpace, InContext, NearContext, Occurrence, open_context_space, unit

# Word → sense → sentences with the word in it. Picked before any model saw them, and the same for all models.
SENSES: dict[str, dict[str, tuple[str, ...]]] = {
    "bank": {
        "of a river": (
            "He sat on the bank of the river and watched the water go by.",
            "The boat was tied to the muddy bank under the trees.",
            "They swam across the stream to the opposite bank.",
        ),
        "for money": (
            "She took all her money to the bank in the city.",
            "The bank refused to lend him another thousand pounds.",
            "He was a clerk in a bank and counted notes all day.",
        ),
    },
    "spring": {
        "a season": (
            "In the spring the birds came back and the trees grew green.",
            "They were married in the spring of that year.",
            "After a long winter we waited for the spring to come.",
        ),
        "of water": (
            "They drank the cold water of a spring that came out of the rock.",
            "The horses were led to the spring to drink.",
            "A clear spring ran down from the hill into the pool.",
        ),
    },
    "match": {
        "for fire": (
            "He struck a match and lit the candle on the table.",
            "She held the burning match to his cigar.",
            "The match went out and left them in the dark.",
        ),
        "a game": (
            "Their team won the match by three goals.",
            "A great crowd came to see the match between the two clubs.",
            "The players were tired after the long match.",
        ),
    },
    "light": {
        "of a lamp": (
            "The light of the lamp fell upon his face.",
            "A faint light shone through the window in the dark.",
            "She shaded her eyes from the bright light of the sun.",
        ),
        "not heavy": (
            "The box was so light that a child could carry it.",
            "He travelled with a light bag upon his shoulder.",
            "She was light enough to be lifted with one hand.",
        ),
    },
    "plant": {
        "that grows": (
            "The plant has white flowers and long green leaves.",
            "She watered the little plant in its pot every morning.",
            "This plant grows only in wet ground near the sea.",
        ),
        "a factory": (
            "The workers of the plant went on strike for higher pay.",
            "The company built a new plant to make steel.",
            "The engine was made in a large plant near the town.",
        ),
    },
    "court": {
        "of law": (
            "The judge told the court that the prisoner was guilty.",
            "The lawyer brought the case before the court.",
            "The witness was called into court to give evidence.",
        ),
        "of a king": (
            "The king and his court went hunting in the forest.",
            "The ladies of the court wore silk and danced before the queen.",
            "He lived at the court of the emperor as a favourite of the prince.",
        ),
    },
    "star": {
        "in the sky": (
            "A bright star shone in the sky above the hills.",
            "They steered the ship by a star in the north.",
            "The moon had set and one star was left in the night.",
        ),
        "of a film": (
            "She is the star of the film and acts very well.",
            "The director found a new star for his next movie.",
            "He was a famous star of television and of the stage.",
        ),
    },
    "letter": {
        "by post": (
            "He wrote a long letter to his mother and posted it.",
            "The letter came this morning with the post from London.",
            "She opened the letter and read it with tears in her eyes.",
        ),
        "of the alphabet": (
            "The word begins with the letter A and has five vowels.",
            "Each name is spelled with a capital letter at the beginning.",
            "The last letter of the alphabet is rarely used in a word.",
        ),
    },
    "mouse": {
        "an animal": (
            "The cat caught a mouse and ate it in the kitchen.",
            "A little grey mouse ran into its hole in the wall.",
            "The owl hunts for a mouse in the field at night.",
        ),
        "of a computer": (
            "Click the left button of the mouse to open the window.",
            "The computer has a keyboard and a mouse and a screen.",
            "Move the pointer to the icon with the mouse and select the file.",
        ),
    },
    "bear": {
        "an animal": (
            "The hunter shot a bear in the forest and sold its skin.",
            "A brown bear with her cubs came out of the woods.",
            "They saw the tracks of a bear in the snow.",
        ),
        "to endure": (
            "I cannot bear to think of what he has suffered.",
            "She could bear the pain no longer and wept.",
            "It was more than any man could bear in silence.",
        ),
    },
}


BESIDE = 50


@dataclass(frozen=True)
class Apart:
    """How far two senses of a word are apart.

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
        """Whether the senses separate: on average, and each sentence."""
        return self.within > self.across and self.right == self.sentences


@dataclass(frozen=True)
class Shown:
    """What lies near a sense's first sentence.

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


def apart(word: str, senses: Sequence[np.ndarray]) -> Apart:
    """How far senses are apart.

    Args:
        word: The word.
        senses: Of each its sentences' vectors; shape (sentences, dim).
    """
    rows = [unit(each) for each in senses]
    within = [float(a @ b) for each in rows for a, b in combinations(each, 2)]
    across = [float(a @ b) for one, other in combinations(rows, 2) for a in one for b in other]
    right = 0
    for number, each in enumerate(rows):
        others = [other.mean(axis=0) for k, other in enumerate(rows) if k != number]
        for k, row in enumerate(each):
            own = np.delete(each, k, axis=0).mean(axis=0)
            right += all(_cosine(row, own) > _cosine(row, other) for other in others)
    return Apart(word, float(np.mean(within)), float(np.mean(across)), right, sum(map(len, rows)))


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def measured(space: ContextSpace) -> list[Apart]:
    """All words."""
    found = []
    for word, senses in SENSES.items():
        rows = [space.vectors([InContext.of(word, text) for text in texts]) for texts in senses.values()]
        found.append(apart(word, rows))
    return found


def neighbours(space: ContextSpace, corpus: Path | None, count: int) -> list[Shown]:
    """What lies near the first sentence of each sense."""
    asked = [(word, sense, InContext.of(word, texts[0])) for word, of in SENSES.items() for sense, texts in of.items()]
    queries = [query for _, _, query in asked]
    if corpus is None:
        near = space.near_in_vocabulary(queries, count)
    else:
        # So many that the word itself is most likely among them.
        near = space.near_in_corpus(queries, open_corpus([str(corpus)]), count + BESIDE, per_word=1)
    return [_shown(word, sense, each, count) for (word, sense, _), each in zip(asked, near, strict=True)]


def _shown(word: str, sense: str, found: NearContext, count: int) -> Shown:
    own = [each for each in found.neighbours if each.word.casefold() == word]
    others = [each.word.lower() for each in found.neighbours if each.word.casefold() != word]
    return Shown(word, sense, tuple(others[:count]), _place(own[0]) if own else "")


def _place(found: Occurrence, around: int = 30) -> str:
    if found.text is None or found.start is None or found.end is None:
        return ""
    before, after = found.text[: found.start][-around:], found.text[found.end :][:around]
    # A part of a word at either end tells nothing.
    before = before.partition(" ")[2] if found.start > around else before
    after = after.rpartition(" ")[0] if found.end + around < len(found.text) else after
    return " ".join(f"{before}**{found.word}**{after}".split()).replace("|", " ")


def markdown(found: Sequence[Apart], near: Sequence[Shown]) -> str:
    """Two tables, as a page of Markdown has them."""
    lines = ["| word | within a sense | across | nearer to its own | apart |", "|---|---|---|---|---|"]
    for each in found:
        apart = "yes" if each.separate else "no"
        right = f"{each.right} of {each.sentences}"
        lines.append(f"| {each.word} | {each.within:.3f} | {each.across:.3f} | {right} | {apart} |")
    right, all_ = sum(each.right for each in found), sum(each.sentences for each in found)
    lines.append(
        f"\n{sum(each.separate for each in found)} of {len(found)} words apart, {right} of {all_} sentences.\n"
    )
    lines += ["| word | nearest words | nearest place |", "|---|---|---|"]
    lines += [f"| {each.word} {each.sense} | {', '.join(each.words)} | {each.place} |" for each in near]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """What can be asked for."""
    made = argparse.ArgumentParser(prog="python -m tests.bench senses", description="ten ambiguous words in a model")
    made.add_argument("-e", "--embedding", type=Path, required=True, help="a folder of tokit fit bert and its like")
    made.add_argument("--corpus", type=Path, help="a text file; without it neighbours are of the vocabulary")
    made.add_argument("--layer", help="0 to -1, or last4; else the last")
    made.add_argument("-k", type=int, default=5, help="so many neighbours")
    made.add_argument("--save", type=Path, help="a JSON file of the same")
    return made


def main(arguments: list[str]) -> int:
    """Measure and print."""
    asked = parser().parse_args(arguments)
    space = open_context_space(asked.embedding, layer=asked.layer)
    found = measured(space)
    print(f"{sum(each.separate for each in found)} of {len(found)} words apart", file=sys.stderr, flush=True)
    near = neighbours(space, asked.corpus, asked.k)
    print(markdown(found, near))
    if asked.save is not None:
        result = {"apart": [asdict(each) for each in found], "near": [asdict(each) for each in near]}
        asked.save.write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0
