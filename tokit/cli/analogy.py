"""`tokit analogy`."""

from __future__ import annotations

from typing import Annotated

import typer

from tokit.cli.neighbors import CountOpt, MethodOpt, numbered_lines, show_all, show_neighbors, words_missing
from tokit.cli.options import EmbeddingOpt, writes_output
from tokit.cli.output import Output, warn

FirstArg = Annotated[str | None, typer.Argument(help="As this", metavar="A", show_default=False)]
SecondArg = Annotated[str | None, typer.Argument(help="is to this,", metavar="B", show_default=False)]
ThirdArg = Annotated[
    str | None,
    typer.Argument(
        help="so is this to the answer. Without the three, each line of standard input has three.",
        metavar="C",
        show_default=False,
    ),
]


@writes_output
def analogy(
    *,
    a: FirstArg = None,
    b: SecondArg = None,
    c: ThirdArg = None,
    embedding: EmbeddingOpt,
    k: CountOpt = 10,
    method: MethodOpt = "add",
    output: Output,
) -> None:
    """Print what is to C as B is to A: the tokens nearest to B - A + C.

    $ tokit analogy man king woman -e emb
    """
    from tokit.ops.near import WordSearch, analogy_record, check_search

    check_search(k, method)
    missing = [name for name, word in zip("ABC", (a, b, c), strict=True) if word is None]
    if missing:
        words_missing(missing[0], "tokit analogy man king woman -e emb", partly=len(missing) < 3)
    search = WordSearch(embedding, k, method)
    if a is not None and b is not None and c is not None:
        result = search.of_analogy(a, b, c)
        output.result(analogy_record(result), lambda: show_neighbors(result, method))
        return
    results = search.of_lines(numbered_lines(), warn, analogies=True)
    show_all("analogies", results, method, output, analogy_record)
