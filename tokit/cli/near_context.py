"""`tokit near --context`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli.corpus_options import CorpusOptions
from tokit.cli.output import Output, table, warn_of_bad_text
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
# Characters shown before a word, and after it.
AROUND = 36


def show_in_context(
    embedding: str,
    word: str,
    context: str,
    corpus: CorpusOptions,
    k: int,
    layer: str | None,
    per_word: int | None,
    output: Output,
) -> None:
    """Print the neighbors of a word as a text uses it."""
    from tokit.ops.near import near_in_context

    text = corpus.open() if corpus.named else None
    with output.progress() as tick:
        found = near_in_context(
            embedding,
            word,
            context,
            corpus=text,
            k=k,
            layer=layer,
            per_word=per_word,
            tick=tick,
        )
    if text is not None:
        warn_of_bad_text(text)
    output.result(found, lambda: show_near_context(found))


def check_context(
    *,
    context: str | None,
    words: Sequence[str] | None,
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
    if context is not None and len(words or ()) != 1:
        number = len(words or ())
        raise UsageError(f"--context goes with one word, not {number}", hint="--context 'by the river bank' bank")
    if context is not None and minus:
        raise UsageError("--minus is for vectors of words without context", hint="omit --context or --minus")
    if context is not None and method != "add":
        raise UsageError(f"--method {method} is for several words, --context for one", hint="omit one of them")
    if per_word is not None and not corpus.named:
        raise UsageError("--per-word is for -c: the vocabulary has each word once", hint="add -c CORPUS")


def show_near_context(found: NearContext) -> None:
    """A table of the neighbors, those of a corpus with the text around them."""
    word = found.query.word
    if found.of == "vocabulary":
        rows = [(neighbor.word, f"{neighbor.similarity:.4f}") for neighbor in found.neighbors]
        table((word, "cosine"), rows)
        return
    lines = [(neighbor.word, *in_line(neighbor), f"{neighbor.similarity:.4f}") for neighbor in found.neighbors]
    width = max((len(before) for _, before, _, _ in lines), default=0)
    cells = [(name, before.rjust(width) + rest, cosine) for name, before, rest, cosine in lines]
    table((word, "where", "cosine"), cells, left=2)


def in_line(found: Occurrence) -> tuple[str, str]:
    """The text before a word, and the marked word with the text after it, on one line: "by the ", "«sea» and"."""
    text, start, end = found.text or "", found.start or 0, found.end or 0
    before, after = (" ".join(part.split(" ")) for part in (text[:start], text[end:]))
    before, after = (part.translate(str.maketrans("\n\r\t", "   ")) for part in (before, after))
    shown_before = before if len(before) <= AROUND else "…" + before[1 - AROUND :]
    shown_after = after if len(after) <= AROUND else after[: AROUND - 1] + "…"
    return shown_before, f"«{text[start:end]}»{shown_after}"
