"""`tokit near --context`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import opened
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.lm.word_in_context import NearContext, Occurrence

ContextOpt = Annotated[
    str | None,
    typer.Option(
        "--context", metavar="TEXT", help="Of a language model: the word as it is meant in this text.",
        show_default=False,
    ),
]  # fmt: skip
CorpusOpt = Annotated[
    list[str] | None,
    typer.Option(
        "-c",
        "--corpus",
        help="With --context: neighbors are words in these documents, not of the vocabulary; may be repeated.",
        show_default=False,
    ),
]
LayerOpt = Annotated[
    str | None,
    typer.Option(
        "--layer", metavar="N|last4", help="With --context: which layer, 0 to -1, or the mean of the last four.",
        show_default="the last",
    ),
]  # fmt: skip
PerWordOpt = Annotated[
    int | None,
    typer.Option("--per-word", min=1, help="With -c: so many neighbors may be the same word.", show_default="2"),
]
# Options of this page that take a value.
VALUED = ("--context", "-c", "--corpus", "--layer", "--per-word")
# Characters shown before a word, and behind it.
AROUND = 36


def near_in_context(
    embedding: str,
    words: Sequence[str],
    context: str,
    corpus: list[str] | None,
    k: int,
    layer: str | None,
    per_word: int | None,
    *,
    as_json: bool,
) -> None:
    """Print what is near a word as it is meant in a text."""
    from tokit.lm.word_in_context import DEFAULT_PER_WORD, InContext, open_context_space

    if len(words) != 1:
        raise UsageError(f"--context goes with one word, not {len(words)}", hint="--context 'by the river bank' bank")
    _check_text(words[0], context)
    query = InContext.of(words[0], context)
    space = open_context_space(embedding, layer=layer)
    if corpus:
        documents = opened(
            corpus, unit=None, field=None, format_=None, errors="strict", max_document=1 << 30, files_from=None
        )
        with console.progress() as tick:
            (found,) = space.near_in_corpus(
                [query], documents, k, DEFAULT_PER_WORD if per_word is None else per_word, tick
            )
    else:
        (found,) = space.near_in_vocabulary([query], k)
    if as_json:
        render.as_json(found)
    else:
        show_near_context(found)


def _check_text(word: str, context: str) -> None:
    """Refuse bytes that are no text, which a command line holds as lone surrogates.

    Raises:
        UsageError: there are some.
    """
    for what, text in (("the word", word), ("--context", context)):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(f"{what} is not UTF-8", hint="convert it first: iconv -t utf-8") from error


def check_context(
    *, context: str | None, corpus: list[str] | None, layer: str | None, per_word: int | None, method: str
) -> None:
    """Refuse options that do not fit each other.

    Raises:
        UsageError: they do not.
    """
    if context is None and (corpus or layer is not None or per_word is not None):
        raise UsageError("-c, --layer and --per-word go with --context", hint="--context 'by the river bank' bank")
    if context is not None and method != "add":
        raise UsageError(f"--method {method} is for several words, --context for one", hint="leave one out")
    if per_word is not None and not corpus:
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
        render.table((word, "cosine"), rows)
        return
    lines = [(each.word, *in_line(each), f"{each.similarity:.4f}") for each in found.neighbors]
    width = max((len(before) for _, before, _, _ in lines), default=0)
    table = [(name, before.rjust(width) + rest, cosine) for name, before, rest, cosine in lines]
    render.table((word, "where", "cosine"), table, left=2)


def in_line(found: Occurrence) -> tuple[str, str]:
    """What stands before a word, and the word, marked, and what is behind it, on one line: "by the ", "«sea» and"."""
    text, start, end = found.text or "", found.start or 0, found.end or 0
    before, after = (" ".join(part.split(" ")) for part in (text[:start], text[end:]))
    before, after = (part.translate(str.maketrans("\n\r\t", "   ")) for part in (before, after))
    shown_before = before if len(before) <= AROUND else "…" + before[1 - AROUND :]
    shown_after = after if len(after) <= AROUND else after[: AROUND - 1] + "…"
    return shown_before, f"«{text[start:end]}»{shown_after}"
