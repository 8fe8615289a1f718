"""A corpus: sources that are read one after the other, several times where they allow it.

The blocks of a corpus take this way: `Corpus.raw_blocks` → `CorpusSource.raw_blocks` → the reader of its format
(`formats/`), which pulls bytes from a `ByteStream` (`byte_stream.py`). A raw block is parsed by whoever takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tokit.arrays import Block
from tokit.corpus.byte_stream import ReadStats, copied, open_stream
from tokit.corpus.formats.base import RawBlock, Reader, ReadOptions, parsed_blocks
from tokit.storage.hub_names import hub_sources, origin_of


@dataclass(slots=True)
class CorpusSource:
    """One file, pipe or standard input.

    Attributes:
        name: As the user gave it; "<stdin>" for standard input.
        path: The file; None for standard input.
        compression: "gz", "bz2", "xz", "zst" or None.
        reader: Of its format.
        options: Of reading.
        stats: Shared by all sources of a corpus.
        check: Called with the name and the first bytes of the source; may refuse them.
    """

    name: str
    path: Path | None
    compression: str | None
    reader: Reader
    options: ReadOptions
    stats: ReadStats
    check: Callable[[str, bytes], None] | None = None
    _begun: bool = field(default=False, repr=False)

    @property
    def rereadable(self) -> bool:
        """A regular file; pipes and standard input give their bytes once."""
        return self.path is not None and self.path.is_file()

    @property
    def is_table(self) -> bool:
        """CSV or TSV, whose columns have numbers."""
        return self.reader.has_header

    def blocks(self) -> Iterator[Block]:
        """Blocks of this source, in order, none of them empty; raises as `raw_blocks`, and for bad content."""
        return parsed_blocks(self.raw_blocks())

    def raw_blocks(self) -> Iterator[RawBlock]:
        """Blocks of this source before they are parsed, in order.

        Raises:
            CorpusError: it cannot be read, is damaged, or has content that the options refuse.
            RuntimeError: it can be read only once and was; see `Corpus.spooled`.
        """
        if self._begun and not self.rereadable:
            raise RuntimeError(f"{self.name} is read a second time; use Corpus.spooled()")
        self._begun = True
        return self._raw_blocks()

    def _raw_blocks(self) -> Iterator[RawBlock]:
        with open_stream(self.name, self.path, self.compression, self.stats) as stream:
            stream.check = self.check
            yield from self.reader.read(stream, self.options, self.stats)


class Corpus:
    """Documents of several sources.

    Args:
        sources: In reading order; they share `stats`.
        stats: Counters of reading.
    """

    def __init__(self, sources: Sequence[CorpusSource], stats: ReadStats) -> None:
        self.sources = tuple(sources)
        self._stats = stats

    @property
    def skipped(self) -> int:
        """Documents and records dropped so far (`errors="skip"`)."""
        return self._stats.skipped

    @property
    def skip_reasons(self) -> dict[str, int]:
        """Number of them by reason: "null", "broken JSON", "not UTF-8"."""
        return dict(self._stats.reasons)

    @property
    def notes(self) -> tuple[str, ...]:
        """Assumptions about the sources that were read so far."""
        return tuple(self._stats.notes.values())

    @property
    def replaced(self) -> int:
        """Documents so far in which bytes became U+FFFD (`errors="replace"`)."""
        return self._stats.replaced

    @property
    def origins(self) -> tuple[str, ...]:
        """Repositories on the Hub that sources are files of, with their commits."""
        return hub_sources(*(origin_of(source.path) for source in self.sources if source.path is not None))

    @property
    def unit(self) -> str:
        """Document boundary in every text source: "line", "file" or "blank"; "line" where sources differ."""
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

        A block holds whole documents of one source, about `block_bytes` of them, and always at least one document.

        Raises:
            CorpusError: a source cannot be read, is damaged, or has content that the options refuse.
            RuntimeError: a source that can be read only once is read again; see `spooled`.
        """
        return parsed_blocks(self.raw_blocks())

    def raw_blocks(self) -> Iterator[RawBlock]:
        """The same blocks before they are parsed, so that threads can share the parsing. Some may turn out empty.

        Raises:
            CorpusError: a source cannot be read; `RawBlock.parse` raises for bad content.
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
            stats = ReadStats(tell=self._stats.tell)
            yield Corpus([replace(_rereadable(source, stack), stats=stats) for source in self.sources], stats)


def _rereadable(source: CorpusSource, stack: ExitStack) -> CorpusSource:
    if source.rereadable:
        return source
    # Copied as it comes, still compressed.
    stream = stack.enter_context(open_stream(source.name, source.path, None, ReadStats()))
    return replace(source, path=stack.enter_context(copied(stream)))
