"""What every format of records shares: text fields become documents, records travel along when asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block, Record
from tokit.corpus.byte_stream import ReadStats
from tokit.corpus.formats.base import ReadOptions
from tokit.corpus.utf8 import has_surrogates, is_skipped, without_surrogates
from tokit.errors import CorpusError
from tokit.registry import did_you_mean

BOM = b"\xef\xbb\xbf"
# A record is more than its document; past this a line is taken for one that never ends.
RECORD_ROOM = 1 << 26


class Collector:
    """Gathers documents into blocks.

    Args:
        options: Says what happens to text that is not UTF-8 and whether records are kept.
        stats: Counts skipped and replaced documents.
    """

    def __init__(self, options: ReadOptions, stats: ReadStats) -> None:
        self._options = options
        self._stats = stats
        self._documents: list[bytes] = []
        self._records: list[Record] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """A block's worth is there."""
        return self._size >= self._options.block_bytes

    def add(self, place: str, text: str, record: Record, *, damaged: bool = False) -> None:
        """Take one document.

        Args:
            place: File and line, or file and record.
            text: Its text; may hold halves of surrogate pairs.
            record: What it was found in; its text is mended in place.
            damaged: The bytes of the record were not UTF-8, and what stands here is already mended.

        Raises:
            CorpusError: the text is too long, or is not UTF-8 and `errors` is "strict".
        """
        if has_surrogates(text):
            text = self._mended(place, text)
            record[self._options.field] = text
            damaged = True
        if damaged and is_skipped(self._options.errors, self._stats):
            return
        self._keep(place, text.encode("utf-8"), record)

    def take(self) -> Iterator[Block]:
        """One block of what was gathered so far, and start over; none when that is nothing."""
        if not self._documents:
            return
        block = Block.of(self._documents, records=self._records if self._options.keep_records else None)
        self._documents, self._records, self._size = [], [], 0
        yield block

    def _keep(self, place: str, document: bytes, record: Record) -> None:
        if len(document) > self._options.max_document:
            raise document_too_long(place, self._options.max_document)
        self._documents.append(document)
        self._size += len(document)
        if self._options.keep_records:
            self._records.append(record)

    def _mended(self, place: str, text: str) -> str:
        if self._options.errors == "strict":
            raise CorpusError(
                f"{place}: field '{self._options.field}' holds half of a surrogate pair, which UTF-8 cannot write",
                hint="pass --errors replace, or --errors skip",
            )
        return without_surrogates(text)


def document_too_long(place: str, limit: int) -> CorpusError:
    """The error for a document past the limit."""
    return CorpusError(f"{place}: the document is longer than {limit:,} bytes", hint="raise --max-document")


def missing_field(place: str, field: str, present: list[str]) -> CorpusError:
    """The error for a record or table without the field."""
    if not present:
        return CorpusError(f"{place}: no field '{field}', there are no fields at all")
    near = did_you_mean(field, present)
    named = f"fields: {', '.join(present)}"
    hint = f"{near} ({named})" if near.startswith("did you mean") else f"pass --field with one of the {named}"
    return CorpusError(f"{place}: no field '{field}'", hint=hint)
