"""Readers of word tasks: rated pairs, and analogies.

A line of pairs is two words and a number, separated by commas, tabs, semicolons or spaces, perhaps under a header and
behind an index; further fields are not read. A line of analogies is four words; `: name` begins a group of them.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray
from tokit.errors import CorpusError

# MEN writes sun-n, run-v, red-j.
PART_OF_SPEECH = re.compile(r"-[nvj]$")
DELIMITERS = ",\t;"


@dataclass(frozen=True, slots=True)
class RatedPairs:
    """Word pairs with human ratings.

    Attributes:
        name: Name of the task.
        words: The distinct words.
        items: Indices into `words`; int64, shape (n, 2).
        scores: Mean rating, on any scale; shape (n,).
        untagged: The file marks every word's part of speech, as sun-n, and `words` are without it.
    """

    name: str
    words: tuple[str, ...]
    items: IntArray
    scores: npt.NDArray[np.float64]
    untagged: bool = False


@dataclass(frozen=True, slots=True)
class AnalogyQuestions:
    """Analogy questions: a is to b as c is to the answer.

    Attributes:
        name: Name of the task.
        words: The distinct words.
        items: Indices into `words` of a, b, c and the answer; int64, shape (n, 4).
        sections: Names of the groups.
        section_of: Group of each question; int64, shape (n,).
    """

    name: str
    words: tuple[str, ...]
    items: IntArray
    sections: tuple[str, ...]
    section_of: IntArray


WordTask: TypeAlias = RatedPairs | AnalogyQuestions
_Line: TypeAlias = tuple[int, str]


def read_task(path: Path, name: str) -> WordTask:
    """Read a file of rated pairs or of analogies, by the form of its lines.

    Raises:
        CorpusError: it cannot be read, is not UTF-8, has a line of another form, or has no pair.
    """
    lines = list(_lines(path))
    if not lines:
        raise CorpusError(f"{path}: no pair in it", hint="a line is: word word score, or four words")
    analogies = any(line.startswith(":") for _, line in lines) or all(map(_is_question, lines))
    return _questions(lines, path, name) if analogies else _pairs(lines, path, name)


def _lines(path: Path) -> Iterator[_Line]:
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or error}", hint="is the path right?") from error
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise CorpusError(
            f"{path}:{number}: byte {error.start} is not UTF-8", hint="convert it first: iconv -f latin1 -t utf-8"
        ) from error
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip("\r\n ")
        if stripped.strip() and not stripped.startswith("#"):
            yield number, stripped


def _is_question(line: _Line) -> bool:
    fields = line[1].split()
    return len(fields) == 4 and _number(fields[3]) is None


def _questions(lines: Sequence[_Line], path: Path, name: str) -> AnalogyQuestions:
    words: dict[str, int] = {}
    sections: dict[str, int] = {}
    items: list[list[int]] = []
    section_of: list[int] = []
    section = ""
    for number, line in lines:
        if line.startswith(":"):
            section = line[1:].strip()
            continue
        fields = line.split()
        if len(fields) != 4:
            raise CorpusError(
                f"{path}:{number}: {len(fields)} words where an analogy has four",
                hint="correct or remove the line",
            )
        items.append([words.setdefault(word, len(words)) for word in fields])
        section_of.append(sections.setdefault(section, len(sections)))
    if not items:
        raise CorpusError(f"{path}: no analogy in it", hint="a line is four words: man king woman queen")
    return AnalogyQuestions(name, tuple(words), np.array(items), tuple(sections), np.array(section_of))


def _pairs(lines: Sequence[_Line], path: Path, name: str) -> RatedPairs:
    delimiter = _delimiter(lines[-1][1])
    rated: list[tuple[str, str, float]] = []
    for place, (number, line) in enumerate(lines):
        pair = _pair(_fields(line, delimiter))
        # The first line may be a header.
        if pair is None and place:
            raise CorpusError(f"{path}:{number}: no pair with a score: {line[:60]}", hint="a line is: word word score")
        if pair is not None:
            rated.append(pair)
    if not rated:
        raise CorpusError(f"{path}: no pair in it", hint="a line is: word word score, or four words")
    words: dict[str, int] = {}
    tagged = all(PART_OF_SPEECH.search(word) for pair in rated for word in pair[:2])
    items = [
        [words.setdefault(PART_OF_SPEECH.sub("", word) if tagged else word, len(words)) for word in pair[:2]]
        for pair in rated
    ]
    return RatedPairs(name, tuple(words), np.array(items), np.array([score for _, _, score in rated]), tagged)


def _delimiter(line: str) -> str | None:
    """Separator of the fields of a line; None for white space."""
    return next((sign for sign in DELIMITERS if line.count(sign) > 1), None)


def _fields(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=delimiter))]
    except csv.Error:
        return []


def _pair(fields: Sequence[str]) -> tuple[str, str, float] | None:
    """Two words and the first number behind them; None if the line has no such fields."""
    if len(fields) > 3 and (fields[0] == "" or _number(fields[0]) is not None):
        # The index of the line.
        fields = fields[1:]
    score = next((number for field in fields[2:] if (number := _number(field)) is not None), None)
    if score is None or not fields[0] or not fields[1]:
        return None
    return fields[0], fields[1], score


def _number(field: str) -> float | None:
    try:
        value = float(field)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
