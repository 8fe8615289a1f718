"""Shared by the formats of records: gather text fields into blocks, with their records on request."""

from __future__ import annotations

from collections.abc import Iterator

from tokit.arrays import Block, Record
from tokit.corpus.byte_stream import ReadStats
from tokit.corpus.formats.base import ReadOptions
from tokit.corpus.utf8 import NOT_UTF8, has_surrogates, is_skipped, without_surrogates
from tokit.errors import BadRecordError
from tokit.registry import did_you_mean

BOM = b"\xef\xbb\xbf"
# A record is longer than its document; a line that is longer by this much is taken to never end.
RECORD_ROOM = 1 << 26


class Collector:
    """Gathers documents into blocks.

    Args:
        options: Say what happens to text that is not UTF-8, and whether records are kept.
        stats: Counts skipped and replaced documents.
    """

    def __init__(self, options: ReadOptions, stats: ReadStats) -> None:
        self._options = options
        self._stats = stats
        self._documents: list[bytes] = []
        self._records: list[Record] = []
        self._places: list[str] = []
        self._size = 0

    @property
    def full(self) -> bool:
        """True when there is enough for a block."""
        return self._size >= self._options.block_bytes

    def add(self, place: str, text: str, record: Record, *, damaged: bool = False) -> None:
        """Add one document.

        Args:
            place: File and line, or file and record.
            text: Its text; may hold halves of surrogate pairs.
            record: Its record; the text in it is repaired in place.
            damaged: The bytes of the record were not UTF-8; `text` is repaired already.

        Raises:
            CorpusError: the text is too long, or is not UTF-8 and `errors` is "strict".
        """
        reason = NOT_UTF8
        if has_surrogates(text):
            reason = "half of a surrogate pair"
            text = self._repaired(place, text)
            if self._options.field in record and not self._options.conversations:
                record[self._options.field] = text
            damaged = True
        if damaged and is_skipped(self._options.errors, self._stats, place, reason):
            return
        self._keep(place, text.encode("utf-8"), record)

    def take(self) -> Iterator[Block]:
        """Yield a block of the documents gathered so far, if there are any, and start the next one."""
        if not self._documents:
            return
        block = Block.of(
            self._documents,
            records=self._records if self._options.keep_records else None,
            places=self._places if self._options.conversations else None,
        )
        self._documents, self._records, self._places, self._size = [], [], [], 0
        yield block

    def refuse(self, error: BadRecordError) -> None:
        """Leave a record out and count it, or raise its error."""
        if self._options.errors != "skip":
            raise error
        self._stats.skip(error.place, error.reason)

    def _keep(self, place: str, document: bytes, record: Record) -> None:
        if len(document) > self._options.max_document:
            self.refuse(document_too_long(place, self._options.max_document))
            return
        self._documents.append(document)
        self._size += len(document)
        if self._options.keep_records:
            self._records.append(record)
        if self._options.conversations:
            self._places.append(place)

    def _repaired(self, place: str, text: str) -> str:
        if self._options.errors == "strict":
            raise BadRecordError(
                place,
                f"field '{self._options.field}' holds half of a surrogate pair, which UTF-8 cannot write",
                "half of a surrogate pair",
                hint="pass --errors replace",
            )
        return without_surrogates(text)


def document_too_long(place: str, limit: int) -> BadRecordError:
    """The error for a document past the limit."""
    return BadRecordError(
        place, f"the document is longer than {limit:,} bytes", "too long", hint="raise --max-document"
    )


def missing_field(place: str, field: str, present: list[str], option: str = "--field") -> BadRecordError:
    """The error for a record or table without the field."""
    if not present:
        return BadRecordError(place, f"no field '{field}', there are no fields at all", "missing field")
    near = did_you_mean(field, present)
    named = f"fields: {', '.join(present)}"
    hint = f"{near} ({named})" if near.startswith("did you mean") else f"pass {option} with one of the {named}"
    return BadRecordError(place, f"no field '{field}'", "missing field", hint=hint)
