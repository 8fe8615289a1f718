"""A corpus: some sources, read one after the other, as often as they can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tokit.arrays import Block
from tokit.corpus.byte_stream import ReadStats, copied, open_stream
from tokit.corpus.formats.base import READERS, RawBlock, Reader, ReadOptions, known_format, parsed_blocks, split_format
from tokit.corpus.formats.text import UNITS
from tokit.corpus.locate import Located, locate
from tokit.corpus.utf8 import ERRORS
from tokit.errors import UsageError
from tokit.registry import did_you_mean

# Offsets within a document are counted in 32 bits, with room behind its end.
LARGEST_DOCUMENT = (1 << 31) - (1 << 16)


@dataclass(slots=True)
class CorpusSource:
    """One file, pipe or standard input.

    Attributes:
        name: As the user gave it; "<stdin>" for standard input.
        path: The file; None for standard input.
        compression: "gz", "bz2", "xz", "zst" or None.
        reader: Its format.
        options: How it is read.
        stats: Shared by all sources of a corpus.
    """

    name: str
    path: Path | None
    compression: str | None
    reader: Reader
    options: ReadOptions
    stats: ReadStats
    _begun: bool = field(default=False, repr=False)

    @property
    def rereadable(self) -> bool:
        """A regular file; pipes and standard input give their bytes once."""
        return self.path is not None and self.path.is_file()

    def blocks(self) -> Iterator[Block]:
        """Blocks of this source, in order, none of them empty; raises as `raw_blocks`, and for what it reads."""
        return parsed_blocks(self.raw_blocks())

    def raw_blocks(self) -> Iterator[RawBlock]:
        """What the blocks of this source are made of, in order.

        Raises:
            CorpusError: it cannot be read, is damaged, or holds what the settings refuse.
            RuntimeError: it can be read only once and was; see `Corpus.spooled`.
        """
        if self._begun and not self.rereadable:
            raise RuntimeError(f"{self.name} is read a second time; use Corpus.spooled()")
        self._begun = True
        return self._raw_blocks()

    def _raw_blocks(self) -> Iterator[RawBlock]:
        with open_stream(self.name, self.path, self.compression, self.stats) as stream:
            yield from self.reader.read(stream, self.options, self.stats)


class Corpus:
    """Documents of some sources.

    Args:
        sources: In reading order; they share `stats`.
        stats: What is counted while reading.
    """

    def __init__(self, sources: Sequence[CorpusSource], stats: ReadStats) -> None:
        self.sources = tuple(sources)
        self._stats = stats

    @property
    def skipped(self) -> int:
        """Documents dropped so far because they are not UTF-8 (`errors="skip"`)."""
        return self._stats.skipped

    @property
    def replaced(self) -> int:
        """Documents so far in which bytes became U+FFFD (`errors="replace"`)."""
        return self._stats.replaced

    @property
    def unit(self) -> str:
        """What a document is in every text source: "line", "file" or "blank"; "line" where sources differ."""
        units = {source.options.unit if source.reader.option == "unit" else "line" for source in self.sources}
        return units.pop() if len(units) == 1 else "line"

    @property
    def bytes_read(self) -> int:
        """Bytes taken from disk or pipe so far, before decompression; comparable with `total_bytes`."""
        return self._stats.bytes_read

    @property
    def total_bytes(self) -> int | None:
        """Size on disk; None unless every source is a plain file without compression."""
        total = 0
        for source in self.sources:
            if source.path is None or source.compression is not None or not source.rereadable:
                return None
            total += source.path.stat().st_size
        return total

    def blocks(self) -> Iterator[Block]:
        """Blocks of all sources, in order; the counters start over with the first block.

        A block holds whole documents of one source, `block_bytes` or so, and always at least one document.

        Raises:
            CorpusError: a source cannot be read, is damaged, or holds what the settings refuse.
            RuntimeError: a source that can be read only once is read again; see `spooled`.
        """
        return parsed_blocks(self.raw_blocks())

    def raw_blocks(self) -> Iterator[RawBlock]:
        """The same blocks before they are made: several threads can share the making. Some may turn out empty.

        Raises:
            CorpusError: a source cannot be read; what is wrong with its content, making a block says.
            RuntimeError: see `blocks`.
        """
        self._stats.reset()
        for source in self.sources:
            yield from source.raw_blocks()

    @contextmanager
    def spooled(self) -> Iterator[Corpus]:
        """A corpus that can be read many times.

        Standard input and pipes are copied to temporary files, which are gone when the context ends; all else is read
        where it lies.
        """
        with ExitStack() as stack:
            stats = ReadStats()
            yield Corpus([replace(_kept(source, stack), stats=stats) for source in self.sources], stats)


def _kept(source: CorpusSource, stack: ExitStack) -> CorpusSource:
    if source.rereadable:
        return source
    # Copied as it comes, still compressed.
    stream = stack.enter_context(open_stream(source.name, source.path, None, ReadStats()))
    return replace(source, path=stack.enter_context(copied(stream)))


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
) -> Corpus:
    """Find the sources of a corpus; their text is read by `Corpus.blocks`.

    Args:
        paths: Files, folders, globs, `file://` URIs, `@names`, and "-" for standard input, which is also read when
            neither this nor `files_from` names anything.
        unit: What a document is in text: "line" (the default), "file", or "blank" for runs of lines between empty ones.
        field: The field of a record that holds its text; "text" by default. Only for formats of records.
        format: "text", "jsonl", "csv", "tsv", "parquet", "arrow" or "mediawiki", with the compression behind a dot
            where the name of the file does not say it ("jsonl.gz"). By default the extension says.
        errors: What happens to a document that is not UTF-8: "strict" raises, "replace" puts U+FFFD, "skip" drops it.
        max_document: Longest document, in bytes.
        files_from: A file, or "-", with one more name a line.
        keep_records: Hand the parsed records on in `Block.records`.
        block_bytes: About how many bytes a block holds; a longer document is a block alone.

    Raises:
        UsageError: an unknown format, unit, errors or `@name`; options that do not fit each other.
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
    stats = ReadStats()
    options = ReadOptions(unit or "line", field or "text", errors, max_document, keep_records, block_bytes)
    located = locate(paths, files_from)
    sources = [_source(each, format, unit, options, stats) for each in located]
    _check_options(sources, unit, field)
    return Corpus(sources, stats)


def _source(
    located: Located, format_: str | None, unit: str | None, options: ReadOptions, stats: ReadStats
) -> CorpusSource:
    by_name, compression = known_format(located.path.name) if located.path is not None else (None, None)
    name = format_ or located.format or by_name or "text"
    name, forced = split_format(name)
    options = replace(options, unit=unit or located.unit or "line")
    return CorpusSource(located.name, located.path, forced or compression, READERS.get(name), options, stats)


def _check_known(kind: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UsageError(f"unknown {kind} '{value}'", hint=did_you_mean(value, list(known)))


def _check_options(sources: list[CorpusSource], unit: str | None, field: str | None) -> None:
    """An option that no source can use was meant for another format."""
    options = {source.reader.option for source in sources}
    if field is not None and "field" not in options:
        raise UsageError(f"--field {field} is for records, and this is text", hint="name the format: --format jsonl")
    if unit not in (None, "line") and "unit" not in options:
        raise UsageError(f"--unit {unit} is for text; a record is a document already", hint="leave --unit out")
