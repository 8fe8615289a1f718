"""`tokit near` and `tokit analogy`."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import console, render
from tokit.cli.embed import EmbeddingOpt
from tokit.cli.near_context import VALUED as VALUED_IN_CONTEXT
from tokit.cli.near_context import (
    ContextOpt,
    CorpusOpt,
    LayerOpt,
    PerWordOpt,
    check_context,
    near_in_context,
    refuse_model,
)
from tokit.cli.options import JsonOpt
from tokit.errors import TokitError, UsageError

if TYPE_CHECKING:
    from tokit.embedding.words.query import Question
    from tokit.embedding.words.results import Nearest, Neighbor, Query
    from tokit.embedding.words.word_space import WordSpace

WordsArg = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORD...",
        help="Words, each looked up alone; or, if any has a sign, all together: king -man +woman. None reads them from"
        " standard input, a question a line.",
        show_default=False,
    ),
]
MethodOpt = Annotated[
    str, typer.Option("--method", metavar="add|mul", help="Of several words: 3CosAdd or 3CosMul, as in the papers.")
]
# Options of `near` that take a value, and those that are written in one letter.
VALUED, SHORT = ("-e", "--embedding", "-k", "--count", "--method", *VALUED_IN_CONTEXT), ("-e", "-k", "-h", "-c")
# Stands before a word that begins with a minus; no argument of a program has it.
MARK = "\0"
READ_AT_ONCE = 1 << 16
CountOpt = Annotated[int, typer.Option("-k", "--count", help="So many neighbors.")]
# A leading space is part of most pieces, and tells " art" from the end of "part".
VISIBLE = str.maketrans({" ": "␣", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"})


def near(
    embedding: EmbeddingOpt,
    words: WordsArg = None,
    k: CountOpt = 10,
    method: MethodOpt = "add",
    context: ContextOpt = None,
    corpus: CorpusOpt = None,
    layer: LayerOpt = None,
    per_word: PerWordOpt = None,
    as_json: JsonOpt = False,
) -> None:
    """Print the tokens nearest to a word, or to several with signs, by cosine.

    tokit near king -e emb; tokit near king -man +woman -e emb; cut -f1 words.tsv | tokit near -e emb -k 3

    With --context, the words nearest to one as it is meant in a text: tokit near bank --context "the bank of the river"
    -e bert -c news.txt
    """
    from tokit.embedding.words.query import Question, check_k, check_method
    from tokit.embedding.words.word_space import open_space

    check_k(k)
    check_method(method)
    check_context(context=context, corpus=corpus, layer=layer, per_word=per_word, method=method)
    words = [word.removeprefix(MARK) for word in words or ()]
    if context is not None:
        near_in_context(embedding, words, context, corpus, k, layer, per_word, as_json=as_json)
        return
    questions = Question.all_of(words) if words else None
    if questions is None and sys.stdin.isatty():
        raise UsageError("Missing argument 'WORD...'", hint="tokit near king -e emb")
    refuse_model(embedding)
    answers = Answers(open_space(embedding), k, method)
    if questions is not None:
        results: Iterator[Nearest] = iter([answers.space.answer(each, k, method) for each in questions])
    else:
        results = answers.of_lines(Question.of_line)
    if as_json:
        _show_as_json("queries", results)
    else:
        _show(results, method)
    answers.finish()


def analogy(
    embedding: EmbeddingOpt,
    a: Annotated[str | None, typer.Argument(help="As this", metavar="A", show_default=False)] = None,
    b: Annotated[str | None, typer.Argument(help="is to this,", metavar="B", show_default=False)] = None,
    c: Annotated[
        str | None,
        typer.Argument(
            help="so is this to the answer. None of the three reads them from standard input, three a line.",
            metavar="C",
            show_default=False,
        ),
    ] = None,
    k: CountOpt = 10,
    method: MethodOpt = "add",
    as_json: JsonOpt = False,
) -> None:
    """Print what is to C as B is to A: the tokens nearest to B - A + C.

    tokit analogy man king woman -e emb
    """
    from tokit.embedding.words.query import analogy_of, check_k, check_method
    from tokit.embedding.words.results import as_analogy
    from tokit.embedding.words.word_space import open_space

    check_k(k)
    check_method(method)
    missing = [name for name, word in zip("ABC", (a, b, c), strict=True) if word is None]
    if missing and (len(missing) < 3 or sys.stdin.isatty()):
        raise UsageError(f"Missing argument '{missing[0]}'", hint="tokit analogy man king woman -e emb")
    answers = Answers(open_space(embedding), k, method)
    if a is not None and b is not None and c is not None:
        result = answers.space.answer(analogy_of(a, b, c), k, method)
        if as_json:
            render.as_json(as_analogy(result))
        else:
            show_neighbors(result, method)
        return
    results = answers.of_lines(_analogy_of_line)
    if as_json:
        _show_as_json("analogies", map(as_analogy, results))
    else:
        _show(results, method)
    answers.finish()


def _analogy_of_line(line: str) -> Question:
    from tokit.embedding.words.query import analogy_of

    words = line.split()
    if len(words) != 3:
        raise UsageError(f"'{line}' is not three words", hint="man king woman")
    return analogy_of(*words)


class Answers:
    """Answers to the lines of standard input, in their order; those that come together are looked for together."""

    def __init__(self, space: WordSpace, k: int, method: str) -> None:
        self.space = space
        self._k = k
        self._method = method
        self._asked = self._unknown = 0

    def of_lines(self, read: Callable[[str], Question]) -> Iterator[Nearest]:
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

    def _answered(self, numbers: list[int], questions: list[Question]) -> Iterator[Nearest]:
        from tokit.embedding.words.results import unanswered
        from tokit.embedding.words.word_space import UnknownWordError

        for number, question, answer in zip(
            numbers, questions, self.space.answers(questions, self._k, self._method), strict=True
        ):
            self._asked += 1
            if isinstance(answer, UnknownWordError):
                self._unknown += 1
                console.warn(f"line {number}: {answer.message}")
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


def _show(results: Iterable[Nearest], method: str) -> None:
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


def marked(argv: Sequence[str]) -> list[str]:
    """A command line of `near` in which a word with a minus before it is no option.

    Behind `--` all are words anyway. `-k3` and, if it is not named otherwise, `-eDIR` are options.
    """
    named = any(word in ("-e", "--embedding") or word.startswith("--embedding=") for word in argv)
    end = argv.index("--") if "--" in argv else len(argv)
    words = [
        MARK + word if _is_taken_away(word, named=named) and (not i or argv[i - 1] not in VALUED) else word
        for i, word in enumerate(argv[:end])
    ]
    return [*words, *argv[end:]]


def _is_taken_away(word: str, *, named: bool) -> bool:
    if len(word) < 2 or word[0] != "-" or word[1] == "-" or word in SHORT:
        return False
    return not ((word.startswith("-k") and word[2:].isdecimal()) or (word.startswith("-e") and not named))


def show_neighbors(result: Nearest, method: str = "add") -> None:
    """A table of the neighbors of a word, or of several."""
    from tokit.embedding.words.results import Combined

    query = result.query
    for each in (*query.plus, *query.minus) if isinstance(query, Combined) else (query,):
        tell_composed(each)
    # The quotient of products is no cosine.
    render.table((query.word, "cosine" if method == "add" else "3CosMul"), _rows(result.neighbors))


def tell_composed(query: Query) -> None:
    """Say that a word has no vector of its own."""
    if query.ngrams:
        console.warn(f"'{query.word}' is no single token: the mean of its n-grams stands for it ({query.ngrams} known)")
    elif query.composed:
        console.warn(f"'{query.word}' is no single token: the mean of {' + '.join(query.tokens)} stands for it")


def _rows(neighbors: Sequence[Neighbor]) -> list[tuple[str, str]]:
    return [(visible(each.text), f"{each.similarity:.4f}") for each in neighbors]


def visible(text: str) -> str:
    """A piece's text with its white space shown: `␣king`."""
    return text.translate(VISIBLE)


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
