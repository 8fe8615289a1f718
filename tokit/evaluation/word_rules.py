"""Words of a text by a named rule, and which of them are one token.

A word is a run of code points of one class; class 0 lies between words. All positions are code points of one flat
array in which a newline follows every document, so that no word reaches over a document's end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, IntArray
from tokit.errors import UsageError
from tokit.registry import did_you_mean

CodePoints: TypeAlias = npt.NDArray[np.uint32]
Classes: TypeAlias = npt.NDArray[np.uint8]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

# Unicode's White_Space, which has been the same since Unicode 6.3; the reference's \s is this too.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
LETTERS, NUMBERS = r"[\p{L}\p{M}]", r"\p{N}"
_UNKNOWN = 255


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of the flat text: words, or tokens.

    Attributes:
        starts: First code point of each span; int64, shape (n,).
        stops: One past the last; int64, shape (n,).
    """

    starts: IntArray
    stops: IntArray

    def __len__(self) -> int:
        return len(self.starts)


@dataclass(frozen=True, slots=True)
class WordRule:
    """Definition of a word.

    Attributes:
        definition: One line, for `--explain`.
        classes: The class of each code point; equal neighbors other than 0 make a word.
    """

    definition: str
    classes: Callable[[CodePoints], Classes]


def code_points(block: Block) -> CodePoints:
    """Documents of a block as one flat array, each followed by a newline."""
    data = np.insert(block.data, block.ends, ord("\n"))
    return np.frombuffer(data.tobytes().decode("utf-8").encode("utf-32-le"), dtype="<u4")


def find_words(codes: CodePoints, rule: WordRule) -> Spans:
    """Words of a flat text, in order."""
    classes = rule.classes(codes)
    changes = np.flatnonzero(np.diff(classes, prepend=np.uint8(0), append=np.uint8(0)))
    inside = classes[changes[:-1]] != 0
    return Spans(changes[:-1][inside], changes[1:][inside])


def is_white(codes: CodePoints) -> BoolArray:
    """Mask of the code points that are White_Space."""
    table = _white_table()
    found: BoolArray = table[np.minimum(codes, len(table) - 1)]
    return found


def whole_words(words: Spans, tokens: Spans, known: BoolArray, white: BoolArray) -> BoolArray:
    """Mask of the words that are exactly one token.

    One token touches the word, and it covers the word and nothing else but white space before it.

    Args:
        words: Sorted, not overlapping.
        tokens: In any order, without tokens of white space only. A token without width counts at its first code
            point: of the bytes of a character SentencePiece gives only the last a width.
        known: Mask of the tokens that are not the unknown one.
        white: Mask of the code points that are White_Space.

    Returns:
        Shape (words,).
    """
    stops = np.maximum(tokens.stops, tokens.starts + 1)
    first = np.searchsorted(words.stops, tokens.starts, side="right")
    after = np.searchsorted(words.starts, stops, side="left")
    touching = after > first
    begun = np.bincount(first[touching], minlength=len(words) + 1)
    ended = np.bincount(after[touching], minlength=len(words) + 1)
    touches = np.cumsum(begun - ended)[:-1]
    lone = np.flatnonzero((after == first + 1) & known)
    word = first[lone]
    visible = np.concatenate([[0], np.cumsum(~white)])
    starts = tokens.starts[lone]
    covers = (starts <= words.starts[word]) & (tokens.stops[lone] == words.stops[word])
    covers &= visible[words.starts[word]] == visible[np.minimum(starts, words.starts[word])]
    whole = np.zeros(len(words), dtype=np.bool_)
    whole[word[covers]] = True
    whole &= touches == 1
    return whole


def word_rule(name: str) -> WordRule:
    """Rule by its name.

    Raises:
        UsageError: an unknown rule.
    """
    if name not in WORD_RULES:
        raise UsageError(f"unknown word rule '{name}'", hint=did_you_mean(name, list(WORD_RULES)))
    return WORD_RULES[name]


@cache
def _white_table() -> BoolArray:
    table = np.zeros(ord(max(WHITE_SPACE)) + 2, dtype=np.bool_)
    table[[ord(sign) for sign in WHITE_SPACE]] = True
    return table


def _visible_classes(codes: CodePoints) -> Classes:
    return (~is_white(codes)).view(np.uint8)


def _letter_classes(codes: CodePoints) -> Classes:
    table = _letter_table()
    classes = table[codes]
    unknown = classes == _UNKNOWN
    if unknown.any():
        _classify(np.unique(codes[unknown]), table)
        classes = table[codes]
    return classes


@cache
def _letter_table() -> Classes:
    return np.full(0x110000, _UNKNOWN, dtype=np.uint8)


def _classify(codes: CodePoints, table: Classes) -> None:
    """Look code points up in the regex engine of the tokenizers library: Python has another version of Unicode."""
    from tokenizers import Regex, pre_tokenizers

    text = codes.astype("<u4").tobytes().decode("utf-32-le")
    table[codes] = 0
    for kind, pattern in enumerate((LETTERS, NUMBERS), 1):
        matches = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(text)
        table[codes[[start for _, (start, _) in matches]]] = kind


WORD_RULES = {
    "whitespace": WordRule("a longest run of characters that are not Unicode White_Space", _visible_classes),
    "letters": WordRule(rf"a longest run of letters and marks, or of numbers: {LETTERS}+|{NUMBERS}+", _letter_classes),
}
