"""Options and results of a search for nearest neighbors, and its queries from standard input."""

from __future__ import annotations

import codecs
import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.formatting import visible
from tokit.cli.output import Output, require_input, table, warn
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.embedding.words.results import LookedUpWord, Nearest, Neighbor

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
# So many neighbors at this cosine say that the vectors are all alike.
SEVERAL, ALIKE = 3, 0.999
READ_AT_ONCE = 1 << 16


def words_missing(name: str, example: str, *, partly: bool = False) -> None:
    """Refuse a command line without words where standard input is a terminal, or with a part of them.

    Raises:
        UsageError: it is.
    """
    if not partly:
        require_input()
    if partly or sys.stdin.isatty():
        raise UsageError(f"Missing argument '{name}'", hint=example)


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
    results = _warning_of_alike(results, method)
    if output.as_json:
        _show_as_json(name, map(as_record, results) if as_record else results)
        return
    for number, result in enumerate(results):
        sys.stdout.write("\n" if number else "")
        show_neighbors(result, method)


def _warning_of_alike(results: Iterable[Nearest], method: str) -> Iterator[Nearest]:
    """The same answers, with one warning when all neighbors of a word are as near as the word itself."""
    warned = method != "add"
    for result in results:
        yield result
        cosines = [neighbor.similarity for neighbor in result.neighbors]
        if not warned and len(cosines) >= SEVERAL and min(cosines) >= ALIKE:
            warned = True
            alike = f"all neighbors of '{result.query.word}' have a cosine of {min(cosines):.4f} or more"
            warn(f"{alike}: the vectors hardly differ, as after too little training or text")


def _show_as_json(name: str, results: Iterable[Any]) -> None:
    """One JSON object, written as its parts come."""
    sys.stdout.write(f'{{"{name}": [')
    try:
        for number, result in enumerate(results):
            sys.stdout.write((", " if number else "") + json.dumps(dataclasses.asdict(result), ensure_ascii=False))
    finally:
        # The answers before a line that is no query can be read.
        sys.stdout.write("]}\n")


def show_neighbors(result: Nearest, method: str = "add") -> None:
    """A table of the neighbors of a query."""
    from tokit.ops.near import words_of

    for word in words_of(result):
        warn_of_composed(word)
    # The quotient of products is no cosine.
    table((result.query.word, "cosine" if method == "add" else "3CosMul"), _rows(result.neighbors))


def warn_of_composed(query: LookedUpWord) -> None:
    """Warn of a word that has no vector of its own."""
    if query.ngrams:
        warn(f"'{query.word}' is no single token: the mean of its n-grams stands for it ({query.ngrams} known)")
    elif query.composed:
        warn(f"'{query.word}' is no single token: the mean of {' + '.join(map(visible, query.texts))} stands for it")


def _rows(neighbors: Sequence[Neighbor]) -> list[tuple[str, str]]:
    return [(visible(neighbor.text), f"{neighbor.similarity:.4f}") for neighbor in neighbors]


def numbered_lines() -> Iterator[list[tuple[int, str]]]:
    """The lines of standard input that are not empty, with their numbers; as many as are there at once."""
    number, rest = 0, b""
    while chunk := sys.stdin.buffer.read1(READ_AT_ONCE):  # type: ignore[union-attr]
        *lines, rest = (rest + chunk).split(b"\n")
        yield _decoded(number, lines)
        # A slow pipe is answered line by line.
        sys.stdout.flush()
        number += len(lines)
    yield _decoded(number, [rest])


def _decoded(before: int, lines: list[bytes]) -> list[tuple[int, str]]:
    if before == 0 and lines:
        lines[0] = lines[0].removeprefix(codecs.BOM_UTF8)
    # As Python hands on an argument that is not UTF-8.
    return [
        (number, line.decode("utf-8", errors="surrogateescape"))
        for number, line in enumerate(lines, before + 1)
        if line
    ]
