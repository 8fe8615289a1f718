"""`tokit encode`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.cli import completion
from tokit.cli.corpus_options import CorpusOptions, takes_corpus
from tokit.cli.options import EngineOpt, OverwriteOpt, SeedOpt, ThreadsOpt, TokenizerOpt, set_up, writes_output
from tokit.cli.output import Output, warn, warn_of_bad_text
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.ids.parts_writer import Split
    from tokit.ops.encode import EncodeReport

FormOpt = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="FORM",
        help="Write ids, tokens, or a JSON object (jsonl) for each document.",
        show_default="ids",
        autocompletion=completion.words("ids", "tokens", "jsonl"),
    ),
]
AddSpecialOpt = Annotated[
    bool, typer.Option("--add-special", help="Add the special tokens of the template ([CLS] … [SEP]).")
]
ParseSpecialOpt = Annotated[
    bool, typer.Option("--parse-special", help="Read the text of a special token as that token.")
]
MaxLengthOpt = Annotated[
    int | None,
    typer.Option("--max-length", min=1, metavar="N", help="Truncate documents to N tokens.", show_default=False),
]
ShardsOpt = Annotated[
    Path | None,
    typer.Option("-o", "--out", metavar="DIR", help="Write shards to this folder, not lines.", show_default=False),
]
ToOpt = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="FORMAT",
        help="Format of the shards: bin, npy or parquet.",
        show_default="bin",
        autocompletion=completion.words("bin", "npy", "parquet"),
    ),
]
SplitOpt = Annotated[
    str | None,
    typer.Option(
        "--split", metavar="NAME=FRACTION", help="Hold out a fraction of the documents: val=0.01.", show_default=False
    ),
]
EndOfTextOpt = Annotated[
    bool | None,
    typer.Option(
        "--end-of-text/--no-end-of-text",
        help="End each document of shards with the end-of-text token; never with two.",
        show_default="yes",
    ),
]
KeepEmptyOpt = Annotated[bool, typer.Option("--keep-empty", help="Write empty documents into shards too.")]
OffsetsOpt = Annotated[
    bool,
    typer.Option("--offsets", help="With --as jsonl: the start and end of each token, in characters of the text."),
]
ChatOpt = Annotated[
    bool,
    typer.Option("--chat", help="Encode records with messages through the chat template, with the assistant's mask."),
]


@takes_corpus
@writes_output
def encode(
    *,
    corpus: CorpusOptions,
    tokenizer: TokenizerOpt,
    form: FormOpt = None,
    out: ShardsOpt = None,
    to: ToOpt = None,
    split: SplitOpt = None,
    add_special: AddSpecialOpt = False,
    parse_special: ParseSpecialOpt = False,
    max_length: MaxLengthOpt = None,
    offsets: OffsetsOpt = False,
    chat: ChatOpt = False,
    end_of_text: EndOfTextOpt = None,
    keep_empty: KeepEmptyOpt = False,
    seed: SeedOpt = 0,
    threads: ThreadsOpt = None,
    engine: EngineOpt = None,
    overwrite: OverwriteOpt = False,
    output: Output,
) -> None:
    """Turn documents into token ids: lines, or shards with -o.

    $ cat text | tokit encode -t tok
    $ tokit encode text/ -t tok -o shards --to bin --split val=0.01
    """
    set_up(threads, engine)
    shards_only = {"--to": to, "--split": split, "--end-of-text": end_of_text is not None, "--keep-empty": keep_empty}
    check_options(out, form, shards_only, as_json=output.as_json)
    if offsets and form != "jsonl":
        raise UsageError("--offsets is for JSON lines", hint="add --as jsonl")
    if chat:
        refuse({"--offsets": offsets}, "is for text, and --chat is not", "omit it")
        refuse({"--add-special": add_special, "--keep-empty": keep_empty}, "is for text, and --chat is not", "omit it")
    from tokit.ops.encode import encode_stream
    from tokit.tokenizer.base import EncodeOptions
    from tokit.tokenizer.load import load_tokenizer

    loaded = load_tokenizer(tokenizer)
    options = EncodeOptions(add_special, parse_special, max_length)
    text = corpus.open(keep_records=form == "jsonl" and out is None, conversations=chat)
    with output.progress(shown=out is not None or not sys.stdout.isatty()) as tick:
        if out is None:
            report = encode_stream(
                text,
                loaded,
                sys.stdout.buffer,
                form=form or "ids",
                options=options,
                chat=chat,
                offsets=offsets,
                tick=tick,
            )
        else:
            from tokit.ops.encode_shards import encode_shards

            report = encode_shards(
                text,
                loaded,
                out,
                to=to or "bin",
                split=held_out(split),
                options=options,
                end_of_text=end_of_text is not False,
                keep_empty=keep_empty,
                chat=chat,
                seed=seed,
                overwrite=overwrite,
                tick=tick,
            )
    warn_of_bad_text(report)
    for reason, count in report.refused.items():
        warn(f"skipped as {reason}: {count:,} records")
    for message in report.notes:
        warn(message)
    if out is not None:
        show_shards(report, output)


def check_options(out: Path | None, form: str | None, shards_only: Mapping[str, object], *, as_json: bool) -> None:
    """Refuse options of lines for shards, and the other way round.

    Raises:
        UsageError: one of them was given.
    """
    if out is None:
        refuse(shards_only, "is for shards", "name their folder: -o shards")
    if out is not None and form is not None:
        raise UsageError("--as is for lines, and -o writes shards", hint="leave one of them out")
    if out is None and as_json:
        raise UsageError("--json describes shards", hint="--as jsonl prints a JSON object for each document")


def refuse(options: Mapping[str, object], why: str, hint: str) -> None:
    """Refuse options.

    Raises:
        UsageError: one of them was given.
    """
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} {why}", hint=hint)


def held_out(option: str | None) -> Split | None:
    """The value of --split."""
    if option is None:
        return None
    from tokit.ids.parts_writer import Split

    return Split.parse(option)


def show_shards(report: EncodeReport, output: Output) -> None:
    """Write the parts of a shards folder."""
    output.result(report)
    for facts in (report.parts or {}).values():
        output.note(f"{report.path}/{facts.file}  {facts.tokens:,} tokens, {facts.documents:,} documents")
