"""The metrics of tokenizers: answers worked out by hand, and every family against a slow plain version."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tokit.arrays import Block, Pieces
from tokit.evaluation.metric import Sample, Subject, Value
from tokit.evaluation.tokenizer_metrics import METRICS, renyi_efficiency
from tokit.evaluation.word_rules import WHITE_SPACE, WORD_RULES
from tokit.tokenizer.base import Tokenizer

UNTIMED = tuple(metric for metric in METRICS if metric.name != "encode_mb_per_second")


class Plain:
    """Words, each with the space before it; what is not in the vocabulary is id 0 and decodes to "?"."""

    words = ("?", "the", " cat", " sat", " on", "dog", " ")
    vocab_size = len(words)
    pieces = Pieces(words, words, np.arange(len(words)) == 0, 0)

    def _cut(self, text: str) -> list[tuple[int, int]]:
        starts = [i for i, sign in enumerate(text) if sign == " " or i == 0]
        return list(pairwise([*starts, len(text)]))

    def library_ids(self, texts: Sequence[str]) -> list[list[int]]:
        known = {word: i for i, word in enumerate(self.words)}
        return [[known.get(text[start:end], 0) for start, end in self._cut(text)] for text in texts]

    def count_dropped(self, texts: Sequence[str]) -> int:
        assert texts
        return 0

    def decode_batch(self, ids: Sequence[Sequence[int]]) -> list[str]:
        return ["".join(self.words[i] for i in row) for row in ids]

    def offsets_batch(self, texts: Sequence[str]) -> list[list[tuple[int, int]]]:
        return [self._cut(text) for text in texts]


def measured(encoder: Tokenizer | Plain, parts: Sequence[Sequence[str]], rule: str = "whitespace") -> dict[str, Value]:
    subject = Subject(encoder, METRICS)
    for texts in parts:
        subject.add(Sample(Block.of(text.encode("utf-8") for text in texts), WORD_RULES[rule]))
    return subject.values()


@pytest.mark.parametrize(
    ("counts", "efficiency"),
    [
        ([1, 1, 1, 1], 1.0),
        ([7, 0], 0.0),
        # Half of the vocabulary, evenly: log 2 over log 4.
        ([3, 3, 0, 0], 0.5),
        # p = 1/4, 1/4, 1/4, 1/4 of eight: 4 * 4^-2.5 = 1/8, its logarithm over -1.5 is log 4, over log 8 two thirds.
        ([2, 2, 2, 2, 0, 0, 0, 0], 2 / 3),
        # p = 1/4 and 3/4: log(1/32 + 9 sqrt(3) / 32) / -1.5 / log 2.
        ([1, 3], math.log2(32 / (1 + 9 * math.sqrt(3))) / 1.5),
        ([0, 0], None),
        ([5], None),
        ([], None),
    ],
)
def test_renyi_efficiency(counts: list[int], efficiency: float | None) -> None:
    found = renyi_efficiency(np.array(counts, dtype=np.int64))
    assert found == (efficiency if efficiency is None else pytest.approx(efficiency, abs=1e-12))


@pytest.mark.parametrize(
    ("counts", "efficiency"), [([3, 2, 1, 1], 0.8031528501359657), ([3, 3, 2, 2, 1], 0.9105681923824472)]
)
def test_renyi_efficiency_of_the_authors_examples(counts: list[int], efficiency: float) -> None:
    """The README of tokenization-scorer: "pick @@ed pick @@l @@ed pick @@les" and so on; its figures are of order 3."""
    found = renyi_efficiency(np.array(counts, dtype=np.int64), alpha=3.0)
    assert found == pytest.approx(efficiency, abs=1e-12)


def test_renyi_efficiency_counts_tokens_that_do_not_occur() -> None:
    """tokenization-scorer leaves them out unless it is told the vocabulary; `--explain` says so."""
    alone, with_unused = (renyi_efficiency(np.array(counts, dtype=np.int64)) for counts in ([3, 2, 1], [3, 2, 1, 0, 0]))
    assert alone is not None and with_unused is not None
    assert with_unused == pytest.approx(alone * math.log(3) / math.log(5))


@given(st.lists(st.integers(0, 1000), min_size=2, max_size=30).filter(any))
def test_renyi_efficiency_is_its_formula(counts: list[int]) -> None:
    total = sum(counts)
    plain = math.log(sum((count / total) ** 2.5 for count in counts)) / (1 - 2.5) / math.log(len(counts))
    found = renyi_efficiency(np.array(counts, dtype=np.int64))
    assert found == pytest.approx(abs(plain), abs=1e-12)
    assert found is not None and 0 <= found <= 1 + 1e-12


def test_every_metric_on_three_sentences() -> None:
    values = measured(Plain(), [["the cat sat", "the bird"], [" on"]])
    speed = values.pop("encode_mb_per_second")
    assert isinstance(speed, float) and speed > 0
    assert values == {
        "tokens": 6,
        "bytes_per_token": 22 / 6,
        "fertility": 1.0,
        # "bird" is unknown; the others are one token each.
        "whole_words": 5 / 6,
        "unknown_rate": 1 / 6,
        "vocabulary_used": 5 / 7,
        "renyi_efficiency": pytest.approx(
            math.log(((2 / 6) ** 2.5) + 4 * (1 / 6) ** 2.5) / (1 - 2.5) / math.log(7), abs=1e-12
        ),
        "lossless_share": 2 / 3,
    }


def test_nothing_to_measure_is_none_and_not_an_error() -> None:
    values = measured(Plain(), [["", ""]])
    assert values["tokens"] == 0 and values["lossless_share"] == 1.0 and values["vocabulary_used"] == 0.0
    unmeasured = ("bytes_per_token", "fertility", "whole_words", "unknown_rate", "renyi_efficiency")
    assert [values[name] for name in unmeasured] == [None] * 5


def test_parts_add_up_to_the_whole() -> None:
    texts = ["the cat", "the dog sat", "", "on  on", "bird"]
    whole, parts = measured(Plain(), [texts]), measured(Plain(), [texts[:2], texts[2:3], texts[3:]])
    assert {metric.name: whole[metric.name] for metric in UNTIMED} == {
        metric.name: parts[metric.name] for metric in UNTIMED
    }


def test_names_and_headings_are_told_apart_and_explained() -> None:
    assert len({metric.name for metric in METRICS}) == len({metric.heading for metric in METRICS}) == len(METRICS)
    assert all(len(metric.definition) > 10 for metric in METRICS)


def plain_values(tokenizer: Tokenizer, texts: Sequence[str]) -> dict[str, Value]:
    """The metrics that need no regex, one document and one token at a time."""
    tokens = unknown = words = whole = kept = 0
    seen: set[int] = set()
    for text in texts:
        ids = tokenizer.encode(text)
        tokens += len(ids)
        seen |= set(ids)
        unknown += sum(i == tokenizer.unknown_id for i in ids)
        kept += tokenizer.decode(ids) == text
        found = spaced_words(text)
        words += len(found)
        offsets = tokenizer.offsets_batch([text])[0]
        whole += sum(is_whole(tokenizer, text, word, ids, offsets) for word in found)
    return {
        "tokens": tokens,
        "unknown_rate": unknown / tokens if tokens else None,
        "fertility": tokens / words if words else None,
        "whole_words": whole / words if words else None,
        "vocabulary_used": len(seen) / tokenizer.vocab_size,
        "lossless_share": kept / len(texts),
        "bytes_per_token": sum(len(text.encode("utf-8")) for text in texts) / tokens if tokens else None,
    }


def spaced_words(text: str) -> list[tuple[int, int]]:
    words: list[tuple[int, int]] = []
    start = None
    for position, sign in enumerate([*text, " "]):
        if sign in WHITE_SPACE:
            if start is not None:
                words.append((start, position))
            start = None
        elif start is None:
            start = position
    return words


def is_whole(
    tokenizer: Tokenizer, text: str, word: tuple[int, int], ids: list[int], offsets: list[tuple[int, int]]
) -> bool:
    touching = [
        (i, start, end)
        for i, (start, end) in zip(ids, offsets, strict=True)
        if tokenizer.pieces.texts[i].strip(WHITE_SPACE) and start < word[1] and max(end, start + 1) > word[0]
    ]
    if len(touching) != 1 or touching[0][0] == tokenizer.unknown_id:
        return False
    _, start, end = touching[0]
    return end == word[1] and start <= word[0] and not text[start : word[0]].strip(WHITE_SPACE)


def test_every_family_on_hostile_texts(trained: Tokenizer) -> None:
    values = measured(trained, [HOSTILE_TEXTS[:15], HOSTILE_TEXTS[15:]])
    plain = plain_values(trained, HOSTILE_TEXTS)
    assert {name: values[name] for name in plain} == pytest.approx(plain)
    assert not trained.lossless or values["lossless_share"] == 1.0


def test_every_family_on_any_text(trained: Tokenizer) -> None:
    @settings(max_examples=25)
    @given(st.lists(TEXTS, min_size=1, max_size=3))
    def check(texts: list[str]) -> None:
        values, plain = measured(trained, [texts]), plain_values(trained, texts)
        assert {name: values[name] for name in plain} == pytest.approx(plain)
        assert not trained.lossless or values["lossless_share"] == 1.0

    check()
