"""The options that commands share: the same word means the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.corpus import Corpus

CorpusArg = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, globs, @names, or - for standard input (also when none is given).", show_default=False
    ),
]
UnitOpt = Annotated[
    str | None,
    typer.Option(
        "--unit",
        help="What a document is in text: line, file, or blank (a run of lines between empty ones).",
        show_default="line",
    ),
]
FieldOpt = Annotated[
    str | None,
    typer.Option("--field", help="The field of JSON lines, CSV or Parquet that holds the text.", show_default="text"),
]
FormatOpt = Annotated[
    str | None,
    typer.Option(
        "--format", help="text, jsonl, csv, tsv, parquet, arrow; else the file's extension says.", show_default=False
    ),
]
ErrorsOpt = Annotated[
    str, typer.Option("--errors", help="Text that is not UTF-8: strict, replace, or skip the document.")
]
MaxDocumentOpt = Annotated[int, typer.Option("--max-document", help="Longest document in bytes.")]
FilesFromOpt = Annotated[
    str | None,
    typer.Option("--files-from", help="A file with one corpus name a line.", show_default=False),
]
TokenizerOpt = Annotated[
    str, typer.Option("-t", "--tokenizer", help="A tokenizer folder, or a file of another tool.", show_default=False)
]
OutOpt = Annotated[Path, typer.Option("-o", "--out", help="The folder to write.", show_default=False)]
OverwriteOpt = Annotated[bool, typer.Option("--overwrite", help="Replace what tokit wrote there before.")]
JsonOpt = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
QuietOpt = Annotated[bool, typer.Option("-q", "--quiet", help="No progress and no summary.")]
ThreadsOpt = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="Threads to use; the result is the same.", show_default="all"),
]
EngineOpt = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="kernels, reference (the tokenizers library), or auto: what is sooner done; the result is the same.",
        show_default="auto",
    ),
]
SeedOpt = Annotated[int, typer.Option("--seed", help="Seed of whatever is drawn at random.")]
SetOpt = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A parameter of the family; --help-params lists them.", show_default=False
    ),
]
ConfigOpt = Annotated[
    Path | None,
    typer.Option("--config", help="A TOML file of parameters; --set wins over it.", show_default=False),
]
HelpParamsOpt = Annotated[bool, typer.Option("--help-params", help="List the family's parameters and stop.")]
NormalizerOpt = Annotated[
    str | None,
    typer.Option(
        "--normalizer",
        help="Comma-separated: nfc, nfd, nfkc, nfkd, lowercase, strip-accents; or none.",
        show_default=False,
    ),
]
PreTokenizerOpt = Annotated[
    str | None,
    typer.Option(
        "--pre-tokenizer",
        help="gpt2, cl100k, o200k, llama3, qwen2, bert, whitespace, whitespace-split, metaspace, punctuation, none, "
        "or regex:PATTERN.",
        show_default=False,
    ),
]
DigitsOpt = Annotated[
    str | None,
    typer.Option("--digits", help="keep, single (every digit alone) or triple (groups of three).", show_default=False),
]

MAX_DOCUMENT = 1 << 30


def set_up(threads: int | None, engine: str | None) -> None:
    """Say how many threads work and who does the bulk of it, before anything is imported that asks.

    Raises:
        UsageError: there is no such engine.
    """
    from tokit.runtime.engine import set_engine
    from tokit.runtime.threads import set_threads

    set_threads(threads)
    set_engine(engine)


def normalizer_names(value: str | None) -> tuple[str, ...] | None:
    """`"nfc,lowercase"` → its names; None when the option was not given."""
    if value is None:
        return None
    return tuple(name.strip() for name in value.split(",") if name.strip() not in ("", "none"))


def opened(
    corpus: list[str] | None,
    *,
    unit: str | None,
    field: str | None,
    format_: str | None,
    errors: str,
    max_document: int,
    files_from: str | None,
    keep_records: bool = False,
) -> Corpus:
    """The corpus that the options describe."""
    from tokit.corpus import open_corpus

    return open_corpus(
        corpus or (),
        unit=unit,
        field=field,
        format=format_,
        errors=errors,
        max_document=max_document,
        files_from=files_from,
        keep_records=keep_records,
    )


def opened_beside_counts(
    counts: list[str] | None,
    corpus: list[str] | None,
    *,
    unit: str | None,
    field: str | None,
    format_: str | None,
    errors: str,
    max_document: int,
    files_from: str | None,
) -> Corpus | None:
    """The corpus of a command that also takes counts; None when only counts are given.

    Raises:
        UsageError: options of a corpus without one.
    """
    if counts and not corpus and not files_from:
        if unit or field or format_:
            raise UsageError("--unit, --field and --format are for a corpus, not for counts", hint="leave them out")
        return None
    return opened(
        corpus,
        unit=unit,
        field=field,
        format_=format_,
        errors=errors,
        max_document=max_document,
        files_from=files_from,
    )
