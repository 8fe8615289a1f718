"""`tokit encode`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import console, render
from tokit.cli.options import (
    MAX_DOCUMENT,
    CorpusArg,
    EngineOpt,
    ErrorsOpt,
    FieldOpt,
    FilesFromOpt,
    FormatOpt,
    JsonOpt,
    MaxDocumentOpt,
    OverwriteOpt,
    QuietOpt,
    SeedOpt,
    ThreadsOpt,
    TokenizerOpt,
    UnitOpt,
    opened,
    set_up,
)
from tokit.cli.train import warn_of_broken_text
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ops.encode import EncodeReport

FormOpt = Annotated[
    str | None,
    typer.Option("--as", help="A line of ids, of tokens, or a JSON object: ids, tokens, jsonl.", show_default="ids"),
]
AddSpecialOpt = Annotated[bool, typer.Option("--add-special", help="Add the tokens of the template ([CLS] … [SEP]).")]
ParseSpecialOpt = Annotated[
    bool, typer.Option("--parse-special", help="Read the text of a special token as that token.")
]
MaxLengthOpt = Annotated[
    int | None,
    typer.Option("--max-length", min=1, help="Cut each document to so many tokens.", show_default=False),
]
ShardsOpt = Annotated[
    Path | None,
    typer.Option("-o", "--out", help="Write shards into this folder instead of lines.", show_default=False),
]
ToOpt = Annotated[
    str | None,
    typer.Option("--to", help="Format of the shards: bin, npy or parquet.", show_default="bin"),
]
SplitOpt = Annotated[
    str | None,
    typer.Option("--split", metavar="NAME=SHARE", help="Hold a share of the documents out: val=0.01."),
]


def encode(
    tokenizer: TokenizerOpt,
    corpus: CorpusArg = None,
    form: FormOpt = None,
    out: ShardsOpt = None,
    to: ToOpt = None,
    split: SplitOpt = None,
    add_special: AddSpecialOpt = False,
    parse_special: ParseSpecialOpt = False,
    max_length: MaxLengthOpt = None,
    unit: UnitOpt = None,
    field: FieldOpt = None,
    format_: FormatOpt = None,
    errors: ErrorsOpt = "strict",
    max_document: MaxDocumentOpt = MAX_DOCUMENT,
    files_from: FilesFromOpt = None,
    seed: SeedOpt = 0,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    as_json: JsonOpt = False,
    quiet: QuietOpt = False,
) -> None:
    """Turn documents into token ids: lines, or shards with -o.

    cat text | tokit encode -t tok; tokit encode text/ -t tok -o shards --to bin
    """
    set_up(threads, engine)
    if out is None and (to or split):
        raise UsageError(f"{'--to' if to else '--split'} is for shards", hint="name their folder: -o shards")
    if out is not None and form is not None:
        raise UsageError("--as is for lines, and -o writes shards", hint="leave one of them out")
    if out is None and as_json:
        raise UsageError("--json tells about shards", hint="--as jsonl prints a JSON object for each document")
    from tokit.ops.encode import Split, encode_shards, encode_stream
    from tokit.tokenizer.base import EncodeOptions
    from tokit.tokenizer.load import load_tokenizer

    loaded = load_tokenizer(tokenizer)
    options = EncodeOptions(add_special, parse_special, max_length)
    text = opened(
        corpus,
        unit=unit,
        field=field,
        format_=format_,
        errors=errors,
        max_document=max_document,
        files_from=files_from,
        keep_records=form == "jsonl" and out is None,
    )
    with console.progress(quiet=quiet or (out is None and sys.stdout.isatty())) as tick:
        if out is None:
            report = encode_stream(text, loaded, sys.stdout.buffer, form=form or "ids", options=options, tick=tick)
        else:
            report = encode_shards(
                text,
                loaded,
                out,
                to=to or "bin",
                split=Split.parse(split) if split else None,
                options=options,
                seed=seed,
                overwrite=overwrite,
                tick=tick,
            )
    warn_of_broken_text(report.skipped, report.replaced)
    if out is not None:
        tell_shards(report, as_json=as_json, quiet=quiet)


def tell_shards(report: EncodeReport, *, as_json: bool, quiet: bool) -> None:
    """Say what lies in a shards folder."""
    for message in report.notes:
        console.warn(message)
    if as_json:
        render.as_json(report)
        return
    parts = report.parts or {}
    for facts in parts.values():
        console.note(f"{report.path}/{facts.file}  {facts.tokens:,} tokens, {facts.documents:,} documents", quiet=quiet)
