"""`tokit near` and `tokit analogy`."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from tokit.cli import console, render
from tokit.cli.embed import EmbeddingOpt
from tokit.cli.options import JsonOpt
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.near import Nearest, Neighbour, Query

WordsArg = Annotated[
    Optional[list[str]],  # noqa: UP045 - typer reads it at run time
    typer.Argument(
        metavar="WORD...", help="Words; none reads them from standard input, one a line.", show_default=False
    ),
]
CountOpt = Annotated[int, typer.Option("-k", "--count", help="So many neighbours.")]
# A leading space is part of most pieces, and tells " art" from the end of "part".
VISIBLE = str.maketrans({" ": "␣", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


def near(embedding: EmbeddingOpt, words: WordsArg = None, k: CountOpt = 10, as_json: JsonOpt = False) -> None:
    """Print the tokens nearest to a word by cosine.

    tokit near king -e emb; cut -f1 words.tsv | tokit near -e emb -k 3
    """
    from tokit.ops.near import check_k, open_space

    check_k(k)
    if not words and sys.stdin.isatty():
        raise UsageError("Missing argument 'WORD...'", hint="tokit near king -e emb")
    space = open_space(embedding)
    results = (space.near(word, k) for word in (words or _lines()))
    if as_json:
        render.as_json({"queries": [dataclasses.asdict(result) for result in results]})
        return
    for number, result in enumerate(results):
        if number:
            sys.stdout.write("\n")
        show_neighbours(result)
        sys.stdout.flush()


def analogy(
    embedding: EmbeddingOpt,
    a: Annotated[str, typer.Argument(help="As this", metavar="A", show_default=False)],
    b: Annotated[str, typer.Argument(help="is to this,", metavar="B", show_default=False)],
    c: Annotated[str, typer.Argument(help="so is this to the answer.", metavar="C", show_default=False)],
    k: CountOpt = 10,
    as_json: JsonOpt = False,
) -> None:
    """Print what is to C as B is to A: the tokens nearest to B - A + C.

    tokit analogy man king woman -e emb
    """
    from tokit.ops.near import check_k, open_space

    check_k(k)
    result = open_space(embedding).analogy(a, b, c, k)
    if as_json:
        render.as_json(result)
        return
    for query in (result.a, result.b, result.c):
        tell_composed(query)
    render.table((f"{a} : {b} = {c} : ", "cosine"), _rows(result.neighbours))


def show_neighbours(result: Nearest) -> None:
    """A table of one word's neighbours."""
    tell_composed(result.query)
    render.table((result.query.word, "cosine"), _rows(result.neighbours))


def tell_composed(query: Query) -> None:
    """Say that a word has no vector of its own."""
    if query.composed:
        console.warn(f"'{query.word}' is no single token: the mean of {' + '.join(query.tokens)} stands for it")


def _rows(neighbours: Sequence[Neighbour]) -> list[tuple[str, str]]:
    return [(visible(each.text), f"{each.similarity:.4f}") for each in neighbours]


def visible(text: str) -> str:
    """A piece's text with its white space shown: `␣king`."""
    return text.translate(VISIBLE)


def _lines() -> Iterator[str]:
    for line in iter(sys.stdin.buffer.readline, b""):
        # As Python hands on an argument that is not UTF-8.
        word = line.rstrip(b"\n").decode("utf-8", errors="surrogateescape")
        if word:
            yield word
