"""`tokit show`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli.corpus_options import CorpusOptions
from tokit.cli.encode import AddSpecialOpt, ParseSpecialOpt
from tokit.cli.options import TokenizerOpt, writes_output
from tokit.cli.output import Output, write_json
from tokit.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from tokit.ops.show import ShownText, ShownToken

TextArg = Annotated[
    str | None,
    typer.Argument(metavar="TEXT", help="The text; without it each line of standard input.", show_default=False),
]
IdsOpt = Annotated[bool, typer.Option("--ids", help="Print the ids in a second line.")]

BACKGROUNDS = ("black on bright_cyan", "black on bright_yellow")
SPECIAL = "bold white on red"
SEPARATOR = "|"


@writes_output
def show(
    *,
    text: TextArg = None,
    tokenizer: TokenizerOpt,
    ids: IdsOpt = False,
    add_special: AddSpecialOpt = False,
    parse_special: ParseSpecialOpt = False,
    output: Output,
) -> None:
    """Show the tokens of a text: colored on a terminal, else with bars between them.

    $ tokit show 'The quick brown fox' -t tok --ids
    """
    from tokit.ops.show import show as show_tokens
    from tokit.tokenizer.base import EncodeOptions
    from tokit.tokenizer.load import load_tokenizer

    engine = load_tokenizer(tokenizer)
    options = EncodeOptions(add_special, parse_special)
    colored = None if output.as_json else _color_console()
    for line in texts_of(text):
        shown = show_tokens(engine, line, options)
        if output.as_json:
            write_json(_as_dict(shown))
        elif colored is not None:
            _paint(colored, shown, ids=ids)
        else:
            _write(shown, ids=ids)
        if text is not None:
            output.note(summary(shown))
        # On a pipe that is fed slowly each line is answered when it comes.
        sys.stdout.flush()


def summary(shown: ShownText) -> str:
    """Numbers of tokens and bytes, and bytes per token."""
    size, tokens = len(shown.text.encode("utf-8")), len(shown.tokens)
    return f"{tokens:,} tokens, {size:,} bytes" + (f", {size / tokens:.2f} bytes per token" if tokens else "")


def texts_of(text: str | None) -> Iterator[str]:
    """A text, or the lines of standard input.

    Raises:
        UsageError: the text is not UTF-8.
    """
    if text is None:
        corpus = CorpusOptions().open()
        for block in corpus.blocks():
            yield from block.texts()
        return
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError("the text is not UTF-8", hint="pipe it in from iconv -t utf-8") from error
    yield text


def _as_dict(shown: ShownText) -> dict[str, Any]:
    keys = ("id", "token", "text", "start", "end", "special")
    return {"text": shown.text, "tokens": [{key: getattr(token, key) for key in keys} for token in shown.tokens]}


def _color_console() -> Console | None:
    """A console that draws colors, or None on a pipe and where colors are not wanted (NO_COLOR)."""
    if not sys.stdout.isatty():
        return None
    from rich.console import Console

    # Markup and emoji stay off: a token may well be "[/b]" or ":cat:".
    drawn = Console(file=sys.stdout, markup=False, emoji=False, highlight=False, soft_wrap=True)
    return None if drawn.no_color or drawn.color_system is None else drawn


def _paint(drawn: Console, shown: ShownText, *, ids: bool) -> None:
    from rich.text import Text

    styles = [SPECIAL if token.special else BACKGROUNDS[i % 2] for i, token in enumerate(shown.tokens)]
    drawn.print(Text.assemble(*[(readable(token), style) for token, style in zip(shown.tokens, styles, strict=True)]))
    if ids:
        numbers = [Text(str(token.id), style) for token, style in zip(shown.tokens, styles, strict=True)]
        drawn.print(Text(" ").join(numbers))


def _write(shown: ShownText, *, ids: bool) -> None:
    parts = [
        f"«{readable(token)}»" if token.special else readable(token).replace(SEPARATOR, "\\" + SEPARATOR)
        for token in shown.tokens
    ]
    sys.stdout.write(SEPARATOR.join(parts) + "\n")
    if ids:
        sys.stdout.write(" ".join(str(token.id) for token in shown.tokens) + "\n")


def readable(token: ShownToken) -> str:
    r"""The text of a token on one line: `\n` for a newline, `<0xE2>` for a byte of an incomplete character.

    Invisible characters and the backslash are escaped as in Python. A piece that continues a word keeps its mark
    (`##ing`): without it `play` and `##ing` would look like two words.
    """
    if token.half:
        return _with_bytes(token.half)
    marked = token.token == f"##{token.text}"
    return _escaped(token.token if token.special or marked else token.text)


def _with_bytes(raw: bytes) -> str:
    shown = ""
    while raw:
        try:
            return shown + _escaped(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            broken = "".join(f"<0x{byte:02X}>" for byte in raw[error.start : error.end])
            shown += _escaped(raw[: error.start].decode("utf-8")) + broken
            raw = raw[error.end :]
    return shown


def _escaped(text: str) -> str:
    return "".join(
        sign if sign.isprintable() and sign != "\\" else sign.encode("unicode_escape").decode("ascii") for sign in text
    )
