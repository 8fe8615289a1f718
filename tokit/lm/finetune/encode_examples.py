"""Labeled examples as a model takes them, and what it told turned back into labels of texts and words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids
from tokit.corpus.labeled import CLASSIFY, PAIRS, TOKENS, Example
from tokit.evaluation.classification import accuracy, macro_f1, pearson, rank_correlation, span_f1
from tokit.lm.pretrain_params import EACH_TOKEN, ONE_LABEL, SCORE
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

if TYPE_CHECKING:
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

# A word that has no token, or a token that is of no word.
NONE = -1
OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned.

    Attributes:
        name: "classify", "tokens" or "pairs".
        labels: In the order of their numbers; none when pairs have scores.
    """

    name: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, name: str, examples: Sequence[Example]) -> Task:
        """The labels that examples have, numbers by value; pairs whose labels are decimals have scores instead."""
        labels = {label for example in examples for label in example.labels}
        if name == PAIRS and all(map(_is_score, labels)) and not all(map(_is_whole, labels)):
            return cls(name, ())
        order = (lambda label: (float(label), label)) if all(map(_is_score, labels)) else None
        return cls(name, tuple(sorted(labels, key=order)))

    @property
    def kind(self) -> str:
        """What a head says."""
        return EACH_TOKEN if self.name == TOKENS else ONE_LABEL if self.labels else SCORE

    def number(self, label: str) -> Any:
        """A label's number, or a score; -1 for a label that training did not have."""
        if self.kind == SCORE:
            return float(label)
        return self.labels.index(label) if label in self.labels else NONE


@dataclass(frozen=True, slots=True)
class Encoding:
    """Examples as ids.

    Attributes:
        examples: For the model.
        words: Of tokens: the place in the flat ids of each word's first token, NONE where it has none.
        cut: Examples that were longer than the model takes.
    """

    examples: EncodedExamples
    words: npt.NDArray[np.int64]
    cut: int = 0


def _is_score(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _is_whole(label: str) -> bool:
    return label.strip().lstrip("+-").isdecimal()


def block_of(examples: Sequence[Example]) -> Block:
    """The texts of examples as documents, for hashes."""
    return Block.of("\t".join(example.texts).encode("utf-8") for example in examples)


def encode_examples(examples: Sequence[Example], task: Task, tokenizer: LibraryTokenizer, context: int) -> Encoding:
    """Examples as ids in the tokenizer's template.

    Args:
        examples: Of the task.
        task: With its labels.
        tokenizer: The model's.
        context: Tokens of an example, at most: texts are cut, sentences of words parted.
    """
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

    if task.name == TOKENS:
        return _encode_words(examples, task, tokenizer, context)
    dtype = np.float32 if task.kind == SCORE else np.int64
    targets = np.array([task.number(example.labels[0]) for example in examples], dtype=dtype)
    nothing = np.zeros(0, dtype=np.int64)
    if task.name == CLASSIFY:
        before, after = tokenizer.frame
        room = context - len(before) - len(after)
        plain = tokenizer.encode_batch([example.texts[0] for example in examples])
        ids = Ids.of([[*before, *some[:room], *after] for some in plain])
        return Encoding(EncodedExamples(ids, None, targets), nothing, sum(len(some) > room for some in plain))
    both = [(example.texts[0], example.texts[1]) for example in examples]
    pairs = tokenizer.encode_pairs(both, context)
    types = np.fromiter(chain.from_iterable(pair.types for pair in pairs), dtype=np.int64)
    ids = Ids.of([pair.ids for pair in pairs])
    return Encoding(EncodedExamples(ids, types, targets), nothing, sum(pair.truncated for pair in pairs))


def _encode_words(examples: Sequence[Example], task: Task, tokenizer: LibraryTokenizer, context: int) -> Encoding:
    """Sentences as ids, a label at the first token of each word; one that is too long is parted between words."""
    from tokit.lm.families.base import IGNORE_INDEX
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

    before, after = tokenizer.frame
    texts = [" ".join(example.texts) for example in examples]
    offsets, plain = tokenizer.offsets_batch(texts), tokenizer.encode_batch(texts)
    lists: list[list[int]] = []
    targets: list[list[int]] = []
    firsts: list[int] = []
    at = cut = 0
    for example, ids, where in zip(examples, plain, offsets, strict=True):
        begins = first_tokens(example.texts, where)
        places = [NONE] * len(begins)
        bounds = parts(begins, len(ids), context - len(before) - len(after))
        cut += len(bounds) > 1
        for start, end in bounds:
            here = [*before, *ids[start:end], *after]
            said = [IGNORE_INDEX] * len(here)
            for number, first in enumerate(begins):
                if start <= first < end:
                    said[len(before) + first - start] = max(task.number(example.labels[number]), 0)
                    places[number] = at + len(before) + first - start
            lists.append(here)
            targets.append(said)
            at += len(here)
        firsts += places
    flat = np.fromiter(chain.from_iterable(targets), dtype=np.int64, count=at)
    return Encoding(EncodedExamples(Ids.of(lists), None, flat), np.array(firsts, dtype=np.int64), cut)


def first_tokens(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The first token of each word of a text that has a space between words; NONE for a word without one.

    A token is of the word that its last character is in: one that begins with the space before a word is of the word.

    Args:
        words: Of the text.
        offsets: (start, end) of each token in characters of the text.
    """
    ends = list(accumulate(len(word) + 1 for word in words))
    word_of = np.full(ends[-1], NONE)
    for number, (word, end) in enumerate(zip(words, ends, strict=True)):
        word_of[end - 1 - len(word) : end - 1] = number
    firsts = [NONE] * len(words)
    for token, (start, end) in enumerate(offsets):
        if end <= start:
            continue
        number = int(word_of[end - 1]) if word_of[end - 1] != NONE else int(word_of[start])
        if number != NONE and firsts[number] == NONE:
            firsts[number] = token
    return firsts


def parts(begins: Iterable[int], size: int, room: int) -> list[tuple[int, int]]:
    """Cuts of a sentence into parts of at most so many tokens, between words where that is possible.

    Args:
        begins: First token of each word.
        size: Tokens of the sentence.
        room: Tokens of a part.
    """
    bounds, start = [], 0
    places = sorted({begin for begin in begins if begin > 0})
    while size - start > room:
        fitting = [place for place in places if start < place <= start + room]
        end = fitting[-1] if fitting else start + room
        bounds.append((start, end))
        start = end
    return [*bounds, (start, size)]


def scores_of(
    examples: Sequence[Example], encoding: Encoding, told: npt.NDArray[Any], task: Task
) -> dict[str, float | None]:
    """How well a model told the labels of examples.

    Args:
        examples: With the labels that were wanted.
        encoding: The same as ids.
        told: What the model said, by number.
        task: Whose labels those are.
    """
    if task.kind == SCORE:
        wanted = np.array([float(example.labels[0]) for example in examples])
        said = told.astype(np.float64)
        return {"pearson": pearson(wanted, said), "spearman": rank_correlation(wanted, said)}
    if task.kind == ONE_LABEL:
        labels, names = [example.labels[0] for example in examples], [task.labels[number] for number in told.tolist()]
        return {"accuracy": accuracy(labels, names), "macro_f1": macro_f1(labels, names)}
    tags = iter(_tags(encoding.words, told, task))
    sentences = [[next(tags) for _ in example.texts] for example in examples]
    flat = list(chain.from_iterable(example.labels for example in examples))
    return {
        "token_accuracy": accuracy(flat, list(chain.from_iterable(sentences))),
        "entity_f1": span_f1([example.labels for example in examples], sentences),
    }


def _tags(words: npt.NDArray[np.int64], told: npt.NDArray[Any], task: Task) -> list[str]:
    """The tag of each word; a word without a token is outside of everything."""
    fallback = OUTSIDE if OUTSIDE in task.labels else task.labels[0]
    return [fallback if place == NONE else task.labels[told[place]] for place in words.tolist()]
