"""Options of a corpus, which every command that reads text has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tokit.cli import completion
from tokit.cli.options import CommandFunction, merge_options
from tokit.cli.output import note, say_what_is_awaited
from tokit.errors import UsageError

if TYPE_CHECKING:
    from tokit.corpus import Corpus
    from tokit.tokenizer.training_text import ShardsText

CORPUS_SECTION = "Corpus options"
MAX_DOCUMENT = 1 << 30
CorpusArg = Annotated[
    list[str] | None,
    typer.Argument(
        help="Files, folders, globs, @names, or - for standard input (the default).",
        metavar="CORPUS",
        show_default=False,
        autocompletion=completion.corpora,
    ),
]
CorpusOpt = Annotated[
    list[str] | None,
    typer.Option(
        "-c",
        "--corpus",
        metavar="CORPUS",
        help="Files, folders, globs, @names, or - for standard input; may be repeated.",
        show_default=False,
        autocompletion=completion.corpora,
    ),
]
UnitOpt = Annotated[
    str | None,
    typer.Option(
        "--unit",
        metavar="UNIT",
        help="A document of a text file: line, file, or blank (lines up to an empty one).",
        show_default="line",
        autocompletion=completion.words("line", "file", "blank"),
        rich_help_panel=CORPUS_SECTION,
    ),
]
FieldOpt = Annotated[
    str | None,
    typer.Option(
        "--field",
        metavar="NAME",
        help="Field with the text, of JSON lines (meta.text, messages.*.content), CSV (or its number) or Parquet.",
        show_default="text",
        rich_help_panel=CORPUS_SECTION,
    ),
]
FormatOpt = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="FORMAT",
        help="text, jsonl, csv, tsv, tsv-quoted, parquet, arrow or mediawiki.",
        show_default="by extension",
        autocompletion=completion.corpus_formats,
        rich_help_panel=CORPUS_SECTION,
    ),
]
NoHeaderOpt = Annotated[
    bool,
    typer.Option(
        "--no-header",
        help="The first row of CSV or TSV is a record; --field is the number of a column.",
        rich_help_panel=CORPUS_SECTION,
    ),
]
ErrorsOpt = Annotated[
    str,
    typer.Option(
        "--errors",
        metavar="MODE",
        help="Bad documents: strict (stop), replace (bad bytes by U+FFFD), or skip (bad records too).",
        autocompletion=completion.words("strict", "replace", "skip"),
        rich_help_panel=CORPUS_SECTION,
    ),
]
MaxDocumentOpt = Annotated[
    int,
    typer.Option(
        "--max-document",
        metavar="BYTES",
        help="Size of the longest document allowed.",
        show_default="1 GiB",
        rich_help_panel=CORPUS_SECTION,
    ),
]
FilesFromOpt = Annotated[
    str | None,
    typer.Option(
        "--files-from",
        metavar="LIST",
        help="Read corpus names from a file, one a line.",
        show_default=False,
        rich_help_panel=CORPUS_SECTION,
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusOptions:
    """A corpus as the command line describes it."""

    names: tuple[str, ...] = ()
    unit: str | None = None
    field: str | None = None
    format: str | None = None
    no_header: bool = False
    errors: str = "strict"
    max_document: int = MAX_DOCUMENT
    files_from: str | None = None

    @property
    def named(self) -> bool:
        """True when a corpus is named: standard input is not read."""
        return bool(self.names or self.files_from)

    def open(self, *, keep_records: bool = False, conversations: bool = False) -> Corpus:
        """The corpus; standard input where none is named."""
        from tokit.corpus import open_corpus

        self._say_what_is_awaited()
        return open_corpus(self.names, **self._settings(), keep_records=keep_records, conversations=conversations)

    def open_training_text(self) -> Corpus | ShardsText:
        """The corpus of a training, which may be a shards folder."""
        from tokit.tokenizer.training_text import open_training_text

        self._say_what_is_awaited()
        return open_training_text(self.names, **self._settings())

    def _say_what_is_awaited(self) -> None:
        if self.names in ((), ("-",)) and self.files_from is None:
            say_what_is_awaited("text")

    def _settings(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "field": self.field,
            "format": self.format,
            "errors": self.errors,
            "max_document": self.max_document,
            "files_from": self.files_from,
            "header": not self.no_header,
            "tell": note,
        }

    def open_beside(self, counts: Sequence[str] | None) -> Corpus | None:
        """The corpus of a command that also takes counts; None when only counts are given.

        Raises:
            UsageError: options of a corpus without one.
        """
        if not counts or self.named:
            return self.open()
        if self.unit or self.field or self.format:
            raise UsageError("--unit, --field and --format are for a corpus, not for counts", hint="omit them")
        return None


def takes_corpus(command: CommandFunction, names: Any = CorpusArg) -> CommandFunction:
    """Give a command the options of a corpus, which it takes as `corpus: CorpusOptions`.

    Args:
        command: The command.
        names: The argument or option that names the corpus.
    """
    return merge_options(
        command,
        "corpus",
        _corpus_options,
        {"corpus": (names, None)},
        last={
            "unit": (UnitOpt, None),
            "field": (FieldOpt, None),
            "format_": (FormatOpt, None),
            "no_header": (NoHeaderOpt, False),
            "errors": (ErrorsOpt, "strict"),
            "max_document": (MaxDocumentOpt, MAX_DOCUMENT),
            "files_from": (FilesFromOpt, None),
        },
    )


def _corpus_options(*, corpus: list[str] | None, format_: str | None, **options: Any) -> CorpusOptions:
    return CorpusOptions(names=tuple(corpus or ()), format=format_, **options)


def takes_corpus_option(command: CommandFunction) -> CommandFunction:
    """The same with the corpus named by `-c`, for a command whose arguments are something else."""
    return takes_corpus(command, CorpusOpt)
