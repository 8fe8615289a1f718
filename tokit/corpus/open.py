"""Open a corpus: from file names and options to a `Corpus`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from tokit.corpus.byte_stream import ReadStats, silent
from tokit.corpus.conversations import FORMATS as FORMATS_OF_CONVERSATIONS
from tokit.corpus.conversations import MESSAGES
from tokit.corpus.corpus import Corpus, CorpusSource
from tokit.corpus.formats import READERS, known_format, split_format
from tokit.corpus.formats.base import ReadOptions
from tokit.corpus.formats.text import UNITS
from tokit.corpus.locate import Located, Search, locate
from tokit.corpus.sniff import check_content, format_of_json, is_json
from tokit.corpus.utf8 import ERRORS
from tokit.errors import UsageError
from tokit.registry import did_you_mean

# Formats that are text, whose first bytes are looked at.
CHECKED = ("text", "jsonl", "csv", "tsv", "mediawiki")
# Offsets within a document are counted in 32 bits, with room behind its end.
LARGEST_DOCUMENT = (1 << 31) - (1 << 16)


def open_corpus(
    paths: Sequence[str] = (),
    *,
    unit: str | None = None,
    field: str | None = None,
    format: str | None = None,
    errors: str = "strict",
    max_document: int = 1 << 30,
    files_from: str | None = None,
    keep_records: bool = False,
    block_bytes: int = 1 << 20,
    conversations: bool = False,
    header: bool = True,
    field_option: str = "--field",
    tell: Callable[[str], None] = silent,
) -> Corpus:
    """Find the sources of a corpus; `Corpus.blocks` reads their text.

    Args:
        paths: Files, folders, globs, `file://` URIs, `@names`, and "-" for standard input, which is also read when
            neither this nor `files_from` names anything.
        unit: Document boundary in text: "line" (the default), "file", or "blank" for runs of lines between empty ones.
        field: The field of a record that holds its text; "text" by default. Only for formats of records.
        format: "text", "jsonl", "csv", "tsv", "parquet", "arrow" or "mediawiki", with the compression after a dot
            where the name of the file lacks it ("jsonl.gz"). The default is that of the extension.
        errors: Treatment of bad documents: "strict" raises; "replace" puts U+FFFD for bytes that are not UTF-8; "skip"
            drops the document, and every bad record (null, missing field, broken JSON, row of another length).
        max_document: Length limit of a document, in bytes.
        files_from: A file, or "-", with further names, one a line.
        keep_records: Hand the parsed records on in `Block.records`.
        block_bytes: Approximate size of a block; a longer document is a block alone.
        conversations: Read messages, not text: a document is a conversation (`tokit/corpus/conversations.py`), and
            the field "messages" by default.
        header: The first row of CSV and TSV names the columns; without it columns are named by number.
        field_option: The option that names the field, for hints.
        tell: Called with what is assumed of a source, and with the places of the first skipped documents.

    Raises:
        UsageError: an unknown format, unit, errors or `@name`; options that exclude each other.
        CorpusError: there is no such file, or it may not be read.
        MissingExtraError: the format needs a package that is not installed.
    """
    _check_known("unit", unit or "line", tuple(UNITS))
    _check_known("errors", errors, ERRORS)
    if max_document < 1:
        raise UsageError(f"max-document is {max_document}, but must be at least 1")
    if max_document > LARGEST_DOCUMENT:
        raise UsageError(f"max-document is {max_document:,}, but can be at most {LARGEST_DOCUMENT:,}")
    if block_bytes < 1:
        raise ValueError(f"block_bytes is {block_bytes}, but must be at least 1")
    stats = ReadStats(tell=tell)
    default_field = MESSAGES if conversations else "text"
    options = ReadOptions(
        unit or "line",
        field or default_field,
        errors,
        max_document,
        keep_records,
        block_bytes,
        conversations,
        header,
        field_option,
    )
    located = locate(paths, files_from, Search(options.field, stats.note))
    sources = [_source(location, format, unit, options, stats) for location in located]
    _check_options(sources, unit, field)
    if not header and not any(source.is_table for source in sources):
        raise UsageError("--no-header is for CSV and TSV", hint="name the format: --format csv")
    if conversations:
        _check_conversations(sources)
    return Corpus(sources, stats)


def _source(
    located: Located, format_: str | None, unit: str | None, options: ReadOptions, stats: ReadStats
) -> CorpusSource:
    by_name, compression = known_format(located.path.name) if located.path is not None else (None, None)
    named = format_ or located.format or by_name
    if named is None and is_json(located):
        named = format_of_json(located, compression, stats.note)
    name, forced = split_format(named or "text")
    options = replace(options, unit=unit or located.unit or "line")
    # Tables have marks of their own, and who names plain text means it.
    unchecked = name not in CHECKED or (format_ is not None and name == "text")
    check = None if unchecked else partial(check_content, stats=stats, name=name)
    return CorpusSource(located.name, located.path, forced or compression, READERS.get(name), options, stats, check)


def _check_known(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"unknown {kind} '{value}'", hint=did_you_mean(value, list(known)))


def _check_options(sources: list[CorpusSource], unit: str | None, field: str | None) -> None:
    """Refuse an option that no source can use: it was meant for another format."""
    options = {source.reader.option for source in sources}
    if field is not None and "field" not in options:
        raise UsageError(f"--field {field} is for records, and this is text", hint="name the format: --format jsonl")
    if unit not in (None, "line") and "unit" not in options:
        raise UsageError(f"--unit {unit} is for text; a record is a document already", hint="leave --unit out")


def _check_conversations(sources: list[CorpusSource]) -> None:
    """Refuse formats that cannot hold messages."""
    readers = [READERS.get(name) for name in FORMATS_OF_CONVERSATIONS]
    for source in sources:
        if source.reader not in readers:
            raise UsageError(
                f"{source.name}: conversations are read from {', '.join(FORMATS_OF_CONVERSATIONS)}",
                hint="name the format: --format jsonl",
            )
