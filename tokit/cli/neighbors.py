"""Queries for nearest neighbors: read from lines, answered, shown."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.formatting import visible
from tokit.cli.output import Output, table, warn
from tokit.errors import TokitError, UsageError

if TYPE_CHECKING:
    from tokit.embedding.words.query import WordQuery
    from tokit.embedding.words.results import LookedUpWord, Nearest, Neighbor
    from tokit.embedding.words.word_space import WordSpace

MethodOpt = Annotated[
    str,
    typer.Option(
        "--method",
        metavar="add|mul",
        help="Score of several words: 3CosAdd or 3CosMul.",
        autocompletion=completion.words("add", "mul"),
    ),
]
CountOpt = Annotated[int, typer.Option("-k", "--count", metavar="N", help="Number of neighbors.")]
READ_AT_ONCE = 1 << 16


def words_missing(name: str, example: str, *, some: bool = False) -> None:
    """Refuse a command line without words where standard input is a terminal, or with some of them only.

    Raises:
        UsageError: it is.
    """
    if some or sys.stdin.isatty():
        raise UsageError(f"Missing argument '{name}'", hint=example)


class Answers:
    """Answers to the lines of standard input, in their order; those that come together are looked for together."""

    def __init__(self, space: WordSpace, k: int, method: str) -> None:
        self.space = space
        self._k = k
        self._method = method
        self._asked = self._unknown = 0

    def of_words(self, questions: Sequence[WordQuery]) -> Iterator[Nearest]:
        """The answers to questions of the command line."""
        return iter([self.space.answer(question, self._k, self._method) for question in questions])

    def of_lines(self, read: Callable[[str], WordQuery]) -> Iterator[Nearest]:
        """The answers; a line with a word that is unknown gets a warning, and no neighbors.

        Raises:
            UsageError: a line that is no question; the answers to those before it have come.
        """
        for lines in _lines():
            numbers, questions, wrong = [], [], None
            for number, line in lines:
                try:
                    questions.append(read(line))
                except UsageError as error:
                    wrong = _in_line(number, error)
                    break
                numbers.append(number)
            yield from self._answered(numbers, questions)
            if wrong is not None:
                raise wrong
            # A slow pipe is answered line by line.
            sys.stdout.flush()

    def _answered(self, numbers: list[int], questions: list[WordQuery]) -> Iterator[Nearest]:
        from tokit.embedding.words.results import unanswered
        from tokit.embedding.words.word_space import UnknownWordError

        for number, question, answer in zip(
            numbers, questions, self.space.answers(questions, self._k, self._method), strict=True
        ):
            self._asked += 1
            if isinstance(answer, UnknownWordError):
                self._unknown += 1
                warn(f"line {number}: {answer.message}")
                yield unanswered(question)
            elif isinstance(answer, TokitError):
                raise _in_line(number, answer)
            else:
                yield answer

    def finish(self) -> None:
        """Say in the end that not all went well.

        Raises:
            UnknownWordError: a line had a word that is unknown.
        """
        from tokit.embedding.words.word_space import UnknownWordError

        if self._unknown:
            raise UnknownWordError(
                f"{self._unknown:,} of {self._asked:,} lines have a word that is unknown",
                hint="the warnings name them; all others were answered",
            )


def _in_line(number: int, error: TokitError) -> TokitError:
    return type(error)(f"line {number}: {error.message}", hint=error.hint)


def show_all(
    name: str,
    results: Iterable[Nearest],
    method: str,
    output: Output,
    as_record: Callable[[Nearest], Any] | None = None,
) -> None:
    """Write answers as they come.

    Args:
        name: Key of the list in the JSON object.
        results: The answers.
        method: "add" or "mul".
        output: Says in which form.
        as_record: Turns an answer into the dataclass that JSON has of it.
    """
    if output.as_json:
        _show_as_json(name, map(as_record, results) if as_record else results)
        return
    for number, result in enumerate(results):
        sys.stdout.write("\n" if number else "")
        show_neighbors(result, method)


def _show_as_json(name: str, results: Iterable[Any]) -> None:
    """One JSON object, written as its parts come."""
    sys.stdout.write(f'{{"{name}": [')
    try:
        for number, result in enumerate(results):
            sys.stdout.write((", " if number else "") + json.dumps(dataclasses.asdict(result), ensure_ascii=False))
    finally:
        # What was answered before a line that is none can be read.
        sys.stdout.write("]}\n")


def show_neighbors(result: Nearest, method: str = "add") -> None:
    """A table of the neighbors of a word, or of several."""
    from tokit.embedding.words.results import CombinedWords

    query = result.query
    for each in (*query.plus, *query.minus) if isinstance(query, CombinedWords) else (query,):
        tell_composed(each)
    # The quotient of products is no cosine.
    table((query.word, "cosine" if method == "add" else "3CosMul"), _rows(result.neighbors))


def tell_composed(query: LookedUpWord) -> None:
    """Say that a word has no vector of its own."""
    if query.ngrams:
        warn(f"'{query.word}' is no single token: the mean of its n-grams stands for it ({query.ngrams} known)")
    elif query.composed:
        warn(f"'{query.word}' is no single token: the mean of {' + '.join(query.tokens)} stands for it")


def _rows(neighbors: Sequence[Neighbor]) -> list[tuple[str, str]]:
    return [(visible(each.text), f"{each.similarity:.4f}") for each in neighbors]


def _lines() -> Iterator[list[tuple[int, str]]]:
    """The lines of standard input that have something in them, with their numbers; as many as are there at once."""
    number, rest = 0, b""
    while chunk := sys.stdin.buffer.read1(READ_AT_ONCE):  # type: ignore[union-attr]
        *lines, rest = (rest + chunk).split(b"\n")
        yield _decoded(number, lines)
        number += len(lines)
    yield _decoded(number, [rest])


def _decoded(before: int, lines: list[bytes]) -> list[tuple[int, str]]:
    # As Python hands on an argument that is not UTF-8.
    return [
        (number, line.decode("utf-8", errors="surrogateescape"))
        for number, line in enumerate(lines, before + 1)
        if line
    ]
