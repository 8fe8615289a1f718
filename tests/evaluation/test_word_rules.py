"""Words and what is kept whole of them: known answers, the reference's classes, a slow plain version."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, pre_tokenizers

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tokit.arrays import Block
from tokit.errors import UsageError
from tokit.evaluation.word_rules import (
    WHITE_SPACE,
    WORD_RULES,
    Spans,
    code_points,
    find_words,
    is_white,
    whole_words,
    word_rule,
)

EVERY_CHARACTER = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)


def words_of(texts: list[str], rule: str) -> list[str]:
    block = Block.of(text.encode("utf-8") for text in texts)
    codes = code_points(block)
    flat = codes.tobytes().decode("utf-32-le")
    spans = find_words(codes, WORD_RULES[rule])
    return [flat[start:stop] for start, stop in zip(spans.starts, spans.stops, strict=True)]


def reference_words(text: str, pattern: str) -> list[str]:
    splitter = pre_tokenizers.Split(Regex(pattern), "removed", invert=True)
    return [word for word, _ in splitter.pre_tokenize_str(text)]


@pytest.mark.parametrize(
    ("rule", "texts", "words"),
    [
        ("whitespace", ["It's 3.5 km,", "no?"], ["It's", "3.5", "km,", "no?"]),
        ("letters", ["It's 3.5 km,", "no?"], ["It", "s", "3", "5", "km", "no"]),
        ("whitespace", ["a", "b"], ["a", "b"]),
        ("letters", ["", "", "x1y", ""], ["x", "1", "y"]),
        ("whitespace", ["a\u00a0b\u3000c\x85d\u200be\x1cf"], ["a", "b", "c", "d\u200be\x1cf"]),
        ("letters", ["e\u0301te\u0301 हिन्दी ½"], ["e\u0301te\u0301", "हिन्दी", "½"]),
        ("whitespace", [], []),
        ("letters", ["", " ... "], []),
    ],
)
def test_words(rule: str, texts: list[str], words: list[str]) -> None:
    assert words_of(texts, rule) == words


def test_white_space_is_the_references() -> None:
    assert "".join(reference_words(EVERY_CHARACTER, r"\s")) == WHITE_SPACE
    codes = np.array([ord(sign) for sign in EVERY_CHARACTER], dtype=np.uint32)
    assert "".join(chr(code) for code in codes[is_white(codes)]) == WHITE_SPACE


@given(st.lists(TEXTS, max_size=4))
def test_words_are_the_matches_of_the_references_regex(texts: list[str]) -> None:
    texts = [text.replace("\n", " ") for text in texts]
    for rule, pattern in (("letters", r"[\p{L}\p{M}]+|\p{N}+"), ("whitespace", r"\S+")):
        assert words_of(texts, rule) == [word for text in texts for word in reference_words(text, pattern)]


def test_hostile_texts_have_the_references_words() -> None:
    for text in HOSTILE_TEXTS:
        assert words_of([text], "letters") == reference_words(text, r"[\p{L}\p{M}]+|\p{N}+")


def test_the_same_letter_is_asked_for_once_and_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert words_of(["Ԝord"], "letters") == ["Ԝord"]
    monkeypatch.setattr("tokit.evaluation.word_rules._classify", None)
    assert words_of(["Ԝord"], "letters") == ["Ԝord"]


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown word rule 'leters'"):
        word_rule("leters")


def plainly_whole(text: str, words: list[tuple[int, int]], tokens: list[tuple[int, int, bool]]) -> list[bool]:
    """The definition, word by word."""
    found = []
    for start, stop in words:
        touching = [
            (begin, end, known)
            for begin, end, known in tokens
            if any(begin <= position < max(end, begin + 1) for position in range(start, stop))
        ]
        found.append(
            len(touching) == 1
            and touching[0][2]
            and touching[0][0] <= start
            and touching[0][1] == stop
            and all(sign in WHITE_SPACE for sign in text[touching[0][0] : start])
        )
    return found


@st.composite
def cut_texts(draw: st.DrawFn) -> tuple[str, list[tuple[int, int, bool]]]:
    text = draw(st.text(" .a1", min_size=1, max_size=12))
    position = st.integers(0, len(text))
    tokens = draw(st.lists(st.tuples(position, position, st.integers(0, 4).map(bool)), max_size=8))
    return text, [(min(a, b), max(a, b), known) for a, b, known in tokens]


@pytest.mark.parametrize("rule", list(WORD_RULES))
@given(cut=cut_texts())
def test_whole_words_are_those_of_the_plain_definition(rule: str, cut: tuple[str, list[tuple[int, int, bool]]]) -> None:
    text, tokens = cut
    codes = code_points(Block.of([text.encode("utf-8")]))
    words = find_words(codes, WORD_RULES[rule])
    spans = Spans(*np.array([token[:2] for token in tokens], dtype=np.int64).reshape(-1, 2).T)
    known = np.array([token[2] for token in tokens], dtype=np.bool_)
    pairs = list(zip(words.starts.tolist(), words.stops.tolist(), strict=True))
    assert whole_words(words, spans, known, is_white(codes)).tolist() == plainly_whole(text, pairs, tokens)


@pytest.mark.parametrize(
    ("tokens", "whole"),
    [
        ([(0, 3), (3, 7)], [True, True]),
        ([(0, 3), (4, 7)], [True, True]),
        ([(0, 4), (4, 7)], [False, True]),
        ([(0, 7)], [False, False]),
        ([(0, 3), (4, 6), (6, 7)], [True, False]),
        ([(0, 3), (0, 3), (4, 7)], [False, True]),
        # SentencePiece: the bytes of a character stand before the one that has its width.
        ([(0, 0), (0, 3), (4, 7)], [False, True]),
    ],
)
def test_whole_words_of_one_text(tokens: list[tuple[int, int]], whole: list[bool]) -> None:
    codes = code_points(Block.of([b"the cat"]))
    spans = Spans(*np.array(tokens, dtype=np.int64).T)
    known = np.ones(len(tokens), dtype=np.bool_)
    words = find_words(codes, WORD_RULES["whitespace"])
    assert whole_words(words, spans, known, is_white(codes)).tolist() == whole
