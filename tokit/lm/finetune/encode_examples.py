"""Labeled examples as ids for a model, and scores of its predictions."""

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
from tokit.evaluation.classification import accuracy, macro_f1, pearson, span_f1, spearman
from tokit.lm.pretrain_params import EACH_TOKEN, ONE_LABEL, SCORE
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer

if TYPE_CHECKING:
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

# A word without a token, a token without a word, or a label that training did not have.
NONE = -1
OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Task:
    """A task and its labels.

    Attributes:
        name: "classify", "tokens" or "pairs".
        labels: In the order of their numbers; empty when pairs have scores.
    """

    name: str
    labels: tuple[str, ...]

    @classmethod
    def of(cls, name: str, examples: Sequence[Example]) -> Task:
        """Task with the labels of examples, numbers by value; pairs whose labels are decimals have scores instead."""
        labels = {label for example in examples for label in example.labels}
        if name == PAIRS and all(map(_is_score, labels)) and not all(map(_is_whole, labels)):
            return cls(name, ())
        order = (lambda label: (float(label), label)) if all(map(_is_score, labels)) else None
        return cls(name, tuple(sorted(labels, key=order)))

    @property
    def kind(self) -> str:
        """Kind of prediction of the head."""
        return EACH_TOKEN if self.name == TOKENS else ONE_LABEL if self.labels else SCORE

    def number(self, label: str) -> Any:
        """Number of a label, or a score; -1 for a label that training did not have."""
        if self.kind == SCORE:
            return float(label)
        return self.labels.index(label) if label in self.labels else NONE


@dataclass(frozen=True, slots=True)
class ExampleEncoding:
    """Examples as ids.

    Attributes:
        examples: Ids and targets for the model.
        words: For the task "tokens": index of each word's first token in the flat ids, NONE for a word without one.
        truncated: Number of examples that were longer than the context length.
    """

    examples: EncodedExamples
    words: npt.NDArray[np.int64]
    truncated: int = 0


def _is_score(label: str) -> bool:
    try:
        return math.isfinite(float(label))
    except ValueError:
        return False


def _is_whole(label: str) -> bool:
    return label.strip().lstrip("+-").isdecimal()


def block_of(examples: Sequence[Example]) -> Block:
    """Texts of examples as documents, to be hashed."""
    return Block.of("\t".join(example.texts).encode("utf-8") for example in examples)


def encode_examples(
    examples: Sequence[Example], task: Task, tokenizer: LibraryTokenizer, context: int
) -> ExampleEncoding:
    """Encode examples with the tokenizer's template.

    Args:
        examples: Examples of the task.
        task: The task and its labels.
        tokenizer: The model's tokenizer.
        context: Largest number of tokens: texts are truncated, sentences of words are split.
    """
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

    if task.name == TOKENS:
        return _encode_words(examples, task, tokenizer, context)
    dtype = np.float32 if task.kind == SCORE else np.int64
    targets = np.array([task.number(example.labels[0]) for example in examples], dtype=dtype)
    no_words = np.zeros(0, dtype=np.int64)
    if task.name == CLASSIFY:
        ids, truncated = framed([example.texts[0] for example in examples], tokenizer, context)
        return ExampleEncoding(EncodedExamples(ids, None, targets), no_words, truncated)
    both = [(example.texts[0], example.texts[1]) for example in examples]
    pairs = tokenizer.encode_pairs(both, EncodeOptions(add_special=True, max_length=context))
    types = np.fromiter(chain.from_iterable(pair.types for pair in pairs), dtype=np.int64)
    ids = Ids.of([pair.ids for pair in pairs])
    return ExampleEncoding(EncodedExamples(ids, types, targets), no_words, sum(pair.truncated for pair in pairs))


def framed(texts: Sequence[str], tokenizer: LibraryTokenizer, context: int) -> tuple[Ids, int]:
    """Texts as ids in the tokenizer's template, truncated to the context length; and the number of truncated texts."""
    before, after = tokenizer.frame
    room = context - len(before) - len(after)
    plain = tokenizer.encode_batch(texts).lists()
    return Ids.of([[*before, *text[:room], *after] for text in plain]), sum(len(text) > room for text in plain)


def _encode_words(
    examples: Sequence[Example], task: Task, tokenizer: LibraryTokenizer, context: int
) -> ExampleEncoding:
    """Encode sentences with a label at the first token of each word; long ones are split between words."""
    from tokit.lm.families.base import IGNORE_INDEX
    from tokit.lm.finetune.finetuning_loop import EncodedExamples

    before, after = tokenizer.frame
    texts = [" ".join(example.texts) for example in examples]
    offsets, plain = tokenizer.offsets_batch(texts), tokenizer.encode_batch(texts).lists()
    lists: list[list[int]] = []
    targets: list[list[int]] = []
    firsts: list[int] = []
    at = truncated = 0
    for example, ids, where in zip(examples, plain, offsets, strict=True):
        begins = first_tokens(example.texts, where)
        places = [NONE] * len(begins)
        bounds = parts(begins, len(ids), context - len(before) - len(after))
        truncated += len(bounds) > 1
        for start, end in bounds:
            here = [*before, *ids[start:end], *after]
            labels = [IGNORE_INDEX] * len(here)
            for number, first in enumerate(begins):
                if start <= first < end:
                    labels[len(before) + first - start] = max(task.number(example.labels[number]), 0)
                    places[number] = at + len(before) + first - start
            lists.append(here)
            targets.append(labels)
            at += len(here)
        firsts += places
    flat = np.fromiter(chain.from_iterable(targets), dtype=np.int64, count=at)
    return ExampleEncoding(EncodedExamples(Ids.of(lists), None, flat), np.array(firsts, dtype=np.int64), truncated)


def first_tokens(words: Sequence[str], offsets: Sequence[tuple[int, int]]) -> list[int]:
    """First token of each word of a text with a space between words; NONE for a word without one.

    A token belongs to the word of its last character, so that the space before a word may be part of its first token.

    Args:
        words: Words of the text.
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
    """Split a sentence into parts, between words where possible; (start, end) of each.

    Args:
        begins: First token of each word.
        size: Number of tokens of the sentence.
        room: Largest number of tokens of a part.
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
    examples: Sequence[Example], encoding: ExampleEncoding, predictions: npt.NDArray[Any], task: Task
) -> dict[str, float | None]:
    """Scores of predictions.

    Args:
        examples: Examples with their labels.
        encoding: The same examples as ids.
        predictions: Label numbers or scores, see `Finetuned`.
        task: The task and its labels.
    """
    if task.kind == SCORE:
        scores = np.array([float(example.labels[0]) for example in examples])
        predicted = predictions.astype(np.float64)
        return {"pearson": pearson(scores, predicted), "spearman": spearman(scores, predicted)}
    if task.kind == ONE_LABEL:
        labels = [example.labels[0] for example in examples]
        named = [task.labels[number] for number in predictions.tolist()]
        return {"accuracy": accuracy(labels, named), "macro_f1": macro_f1(labels, named)}
    tags = iter(_tags(encoding.words, predictions, task))
    sentences = [[next(tags) for _ in example.texts] for example in examples]
    flat = list(chain.from_iterable(example.labels for example in examples))
    return {
        "token_accuracy": accuracy(flat, list(chain.from_iterable(sentences))),
        "entity_f1": span_f1([example.labels for example in examples], sentences),
    }


def _tags(words: npt.NDArray[np.int64], predictions: npt.NDArray[Any], task: Task) -> list[str]:
    """Predicted tag of each word; a word without a token is outside of every span."""
    fallback = OUTSIDE if OUTSIDE in task.labels else task.labels[0]
    return [fallback if place == NONE else task.labels[predictions[place]] for place in words.tolist()]
