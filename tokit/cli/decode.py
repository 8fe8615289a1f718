"""`tokit decode`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from tokit.cli.corpus_options import FilesFromOpt
from tokit.cli.options import EngineOpt, ThreadsOpt, set_up
from tokit.cli.output import say_what_is_awaited
from tokit.errors import UsageError

BINARY = (".bin", ".npy", ".parquet")
IdsArg = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="IDS", help="Lines of ids: files, or - (the default); or one shards folder.", show_default=False
    ),
]
DecodeTokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "-t",
        "--tokenizer",
        metavar="TOK",
        help="Tokenizer: a folder, or a file of another tool.",
        show_default="that of the shards",
    ),
]
SkipSpecialOpt = Annotated[bool, typer.Option("--skip-special", help="Omit special tokens from the text.")]
PartOpt = Annotated[
    str | None,
    typer.Option("--part", metavar="NAME", help="One part of split shards, such as val.", show_default="all"),
]


def decode(
    ids: IdsArg = None,
    tokenizer: DecodeTokenizerOpt = None,
    skip_special: SkipSpecialOpt = False,
    part: PartOpt = None,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    files_from: FilesFromOpt = None,
) -> None:
    """Turn lines of ids, or shards, back into text.

    $ tokit encode -t tok < text | tokit decode -t tok
    $ tokit decode shards/ --part val
    """
    set_up(threads, engine)
    from tokit.corpus import open_corpus
    from tokit.ops.decode import decode_shards, decode_stream
    from tokit.storage.folder import kind_of
    from tokit.tokenizer.load import load_tokenizer

    loaded = load_tokenizer(tokenizer) if tokenizer is not None else None
    if ids and len(ids) == 1 and kind_of(ids[0]) == "shards":
        decode_shards(ids[0], sys.stdout.buffer, part=part, tokenizer=loaded, skip_special=skip_special)
        return
    if part is not None:
        raise UsageError("--part is for a shards folder", hint="tokit decode SHARDS --part val")
    for name in ids or ():
        require_lines(name, kind_of(name))
    if ids in (None, [], ["-"]) and files_from is None:
        say_what_is_awaited("ids")
    lines = open_corpus(ids or (), format="text", files_from=files_from)
    if loaded is None:
        raise UsageError("Missing option '-t' / '--tokenizer'", hint="tokit decode -t tok")
    decode_stream(lines, loaded, sys.stdout.buffer, skip_special=skip_special)


def require_lines(name: str, kind: str | None) -> None:
    """Refuse what is not text of ids.

    Raises:
        UsageError: a file of a shards folder, or an artifact of tokit.
    """
    if Path(name).suffix in BINARY:
        raise UsageError(f"{name} holds binary ids", hint="decode its folder: tokit decode SHARDS --part val")
    if kind is not None:
        raise UsageError(f"{name} is an artifact of kind '{kind}'", hint="give lines of ids, or one shards folder")
