"""`tokit near --context`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli.options import CorpusOptions
from tokit.cli.output import Output, table
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.lm.word_in_context import NearContext, Occurrence

ContextOpt = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="TEXT", help="With a language model: a text that uses the word.", show_default=False
    ),
]
LayerOpt = Annotated[
    str | None,
    typer.Option(
        "--layer",
        metavar="N|last4",
        help="With --context: layer of the model, 0 to -1, or the mean of the last four.",
        show_default="the last",
    ),
]
PerWordOpt = Annotated[
    int | None,
    typer.Option(
        "--per-word", min=1, metavar="N", help="With -c: number of neighbors that may be the same word.",
        show_default="2",
    ),
]  # fmt: skip
# Characters shown before a word, and behind it.
AROUND = 36


def near_in_context(
    embedding: str,
    words: Sequence[str],
    context: str,
    corpus: CorpusOptions,
    k: int,
    layer: str | None,
    per_word: int | None,
    output: Output,
) -> None:
    """Print the neighbors of a word as it is used in a text."""
    from tokit.lm.context_space import DEFAULT_PER_WORD, open_context_space
    from tokit.lm.word_in_context import InContext

    if len(words) != 1:
        raise UsageError(f"--context goes with one word, not {len(words)}", hint="--context 'by the river bank' bank")
    _check_text(words[0], context)
    query = InContext.of(words[0], context)
    space = open_context_space(embedding, layer=layer)
    if corpus.named:
        with output.progress() as tick:
            (found,) = space.near_in_corpus(
                [query], corpus.open(), k, DEFAULT_PER_WORD if per_word is None else per_word, tick
            )
    else:
        (found,) = space.near_in_vocabulary([query], k)
    output.result(found, lambda: show_near_context(found))


def _check_text(word: str, context: str) -> None:
    """Refuse bytes that are not UTF-8, which a command line holds as lone surrogates.

    Raises:
        UsageError: there are some.
    """
    for what, text in (("the word", word), ("--context", context)):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(f"{what} is not UTF-8", hint="convert it first: iconv -t utf-8") from error


def check_context(
    *,
    context: str | None,
    minus: Sequence[str] | None,
    corpus: CorpusOptions,
    layer: str | None,
    per_word: int | None,
    method: str,
) -> None:
    """Refuse options that do not fit each other.

    Raises:
        UsageError: they do not.
    """
    if context is None and (corpus.named or layer is not None or per_word is not None):
        raise UsageError("-c, --layer and --per-word go with --context", hint="--context 'by the river bank' bank")
    if context is not None and minus:
        raise UsageError("--minus is for vectors of words without context", hint="omit --context or --minus")
    if context is not None and method != "add":
        raise UsageError(f"--method {method} is for several words, --context for one", hint="omit one of them")
    if per_word is not None and not corpus.named:
        raise UsageError("--per-word is for -c: the vocabulary has each word once", hint="add -c CORPUS")


def refuse_model(embedding: str) -> None:
    """Refuse a language model where a static embedding is asked for.

    Raises:
        UsageError: it is one.
    """
    from tokit.lm.contextual_embedder import is_language_model

    if is_language_model(embedding):
        raise UsageError(
            f"{embedding} is a language model, in which a word's vector depends on the text",
            hint="give it one: --context 'by the river bank' bank",
        )


def show_near_context(found: NearContext) -> None:
    """A table of the neighbors, each in its line."""
    word = found.query.word
    if found.of == "vocabulary":
        rows = [(each.word, f"{each.similarity:.4f}") for each in found.neighbors]
        table((word, "cosine"), rows)
        return
    lines = [(each.word, *in_line(each), f"{each.similarity:.4f}") for each in found.neighbors]
    width = max((len(before) for _, before, _, _ in lines), default=0)
    cells = [(name, before.rjust(width) + rest, cosine) for name, before, rest, cosine in lines]
    table((word, "where", "cosine"), cells, left=2)


def in_line(found: Occurrence) -> tuple[str, str]:
    """What stands before a word, and the word, marked, and what is behind it, on one line: "by the ", "«sea» and"."""
    text, start, end = found.text or "", found.start or 0, found.end or 0
    before, after = (" ".join(part.split(" ")) for part in (text[:start], text[end:]))
    before, after = (part.translate(str.maketrans("\n\r\t", "   ")) for part in (before, after))
    shown_before = before if len(before) <= AROUND else "…" + before[1 - AROUND :]
    shown_after = after if len(after) <= AROUND else after[: AROUND - 1] + "…"
    return shown_before, f"«{text[start:end]}»{shown_after}"
