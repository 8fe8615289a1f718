"""`tokit analogy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli.neighbors import Answers, CountOpt, MethodOpt, show_all, show_neighbors, words_missing
from tokit.cli.options import EmbeddingOpt, writes_output
from tokit.cli.output import Output
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.embedding.words.query import WordQuery

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
    from tokit.embedding.words.query import analogy_of, check_k, check_method
    from tokit.embedding.words.results import as_analogy
    from tokit.embedding.words.word_space import open_space

    check_k(k)
    check_method(method)
    missing = [name for name, word in zip("ABC", (a, b, c), strict=True) if word is None]
    if missing:
        words_missing(missing[0], "tokit analogy man king woman -e emb", some=len(missing) < 3)
    answers = Answers(open_space(embedding), k, method)
    if a is not None and b is not None and c is not None:
        result = answers.space.answer(analogy_of(a, b, c), k, method)
        output.result(as_analogy(result), lambda: show_neighbors(result, method))
        return
    results = answers.of_lines(_analogy_of_line)
    show_all("analogies", results, method, output, as_analogy)
    answers.finish()


def _analogy_of_line(line: str) -> WordQuery:
    from tokit.embedding.words.query import analogy_of

    words = line.split()
    if len(words) != 3:
        raise UsageError(f"'{line}' is not three words", hint="man king woman")
    return analogy_of(*words)
