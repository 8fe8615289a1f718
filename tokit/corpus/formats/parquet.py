"""Parquet and Arrow: one column of a table holds the documents.

Only that column is read, batch by batch, and its buffers become blocks without an object for each document.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from tokit.arrays import Block, ByteArray, IntArray, Record, split_items
from tokit.corpus.byte_stream import ByteStream, ReadStats, seekable
from tokit.corpus.conversations import conversation_document
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.nested_columns import column_of, is_nested, text_paths, type_at, with_text
from tokit.corpus.formats.records import Collector, document_too_long, missing_field
from tokit.corpus.utf8 import find_invalid, not_utf8, repair
from tokit.errors import BadRecordError, CorpusError, MissingExtraError

# pyarrow ships no types.
Batch: TypeAlias = Any
Schema: TypeAlias = Any
Column: TypeAlias = Any
# Each batch with the number of bytes of the file that were read by then.
Batches: TypeAlias = Iterator[tuple[Batch, int]]


def read_parquet(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[Block]:
    """Blocks of a Parquet file."""
    _need_pyarrow("reading Parquet")
    return _read(stream, options, stats, _parquet_batches)


def read_arrow(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[Block]:
    """Blocks of an Arrow file (Feather version 2) or stream."""
    _need_pyarrow("reading Arrow")
    return _read(stream, options, stats, _arrow_batches)


def _need_pyarrow(what: str) -> None:
    try:
        import pyarrow  # noqa: F401 (only whether it is there)
    except ImportError as error:
        raise MissingExtraError(what, "data") from error


def _read(
    stream: ByteStream, options: ReadOptions, stats: ReadStats, batches: Callable[[Path, str, ReadOptions], Batches]
) -> Iterator[Block]:
    with _damage(stream.name), seekable(stream) as path:
        before = stats.bytes_read
        table = (
            ConversationParser(stream, options, stats) if options.conversations else TableParser(stream, options, stats)
        )
        for batch, position in batches(path, stream.name, options):
            yield from table.blocks(batch)
            if stream.path is not None:
                stats.bytes_read = before + position


@contextmanager
def _damage(name: str) -> Iterator[None]:
    """Turn exceptions of pyarrow into errors for the user."""
    import pyarrow as pa

    try:
        yield
    except MemoryError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise CorpusError(f"{name}: cannot be read, it may be truncated: {error}") from error


def _parquet_batches(path: Path, name: str, options: ReadOptions) -> Batches:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        _check_column(name, file.schema_arrow, options)
        size, rows = path.stat().st_size, file.metadata.num_rows
        wanted = column_of(file.schema_arrow, options.field)
        columns = None if options.keep_records or options.conversations else [wanted]
        done = 0
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata, options.block_bytes), columns=columns):
            done += batch.num_rows
            yield batch, size * done // rows


def _batch_rows(metadata: Any, block_bytes: int) -> int:
    """Number of rows that hold about a block's bytes, so that long documents do not make a batch of gigabytes."""
    groups = [metadata.row_group(index) for index in range(metadata.num_row_groups)]
    width = max((group.total_byte_size // max(1, group.num_rows) for group in groups), default=0)
    return min(1 << 16, max(1, block_bytes // max(1, width)))


def _arrow_batches(path: Path, name: str, options: ReadOptions) -> Batches:
    import pyarrow as pa
    from pyarrow import ipc

    with pa.OSFile(str(path)) as source:
        is_file = source.read(6) == b"ARROW1"
        source.seek(0)
        opened = ipc.open_file if is_file else ipc.open_stream
        _check_column(name, opened(source).schema, options)
        source.seek(0)
        schema = opened(source).schema
        column = schema.get_field_index(column_of(schema, options.field))
        source.seek(0)
        everything = options.keep_records or options.conversations
        included = ipc.IpcReadOptions(included_fields=None if everything else [column])
        reader = opened(source, options=included)
        if not is_file:
            yield from ((batch, source.tell()) for batch in reader)
            return
        size, count = path.stat().st_size, reader.num_record_batches
        yield from ((reader.get_batch(index), size * (index + 1) // count) for index in range(count))


def _check_column(name: str, schema: Schema, options: ReadOptions) -> None:
    import pyarrow as pa

    field = options.field
    nested = is_nested(schema, field)
    kind: Any = type_at(schema, field) if nested else None
    if field not in schema.names and kind is None:
        raise missing_field(name, field, [*schema.names, *text_paths(schema)], options.field_option)
    if schema.names.count(field) > 1:
        raise CorpusError(
            f"{name}: {schema.names.count(field)} columns are called '{field}'", hint="rename all but one"
        )
    if options.conversations:
        return
    kind = kind if nested else schema.field(field).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(test(kind) for test in _text_types()):
        hint = f"text is in: {', '.join(_text_columns(schema))}" if _text_columns(schema) else ""
        raise CorpusError(f"{name}: column '{field}' is {kind}, not text", hint=hint)


def _text_types() -> list[Callable[[Any], bool]]:
    """Arrow types that can hold text: binary ones too, as older writers do not mark text."""
    from pyarrow import types as kinds

    strings = [kinds.is_string, kinds.is_large_string, kinds.is_string_view]
    return [*strings, kinds.is_binary, kinds.is_large_binary, kinds.is_binary_view, kinds.is_null]


def _text_columns(schema: Schema) -> list[str]:
    return [field.name for field in schema if any(test(field.type) for test in _text_types()[:3])]


class TableParser:
    """Turns the batches of one table into blocks.

    Args:
        stream: The source, for messages.
        options: Name the column of the text, and the treatment of text that is not UTF-8.
        stats: Counts skipped and replaced documents.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions, stats: ReadStats) -> None:
        self._stream = stream
        self._options = options
        self._stats = stats
        self._done = 0
        self._nested = False

    def blocks(self, batch: Batch) -> Iterator[Block]:
        """Blocks of one batch."""
        self._nested = is_nested(batch.schema, self._options.field)
        if self._nested:
            batch = with_text(batch, self._options.field)
        column, rows = batch.column(batch.schema.get_field_index(self._options.field)), batch.num_rows
        if column.null_count:
            batch, column = self._without_nulls(batch, column)
        data, bounds = _buffers(column)
        for start, end in _cuts(bounds, self._options.block_bytes):
            block = self._block(data, bounds[start : end + 1], batch, start)
            if len(block):
                yield block
        self._done += rows

    def _without_nulls(self, batch: Batch, column: Column) -> tuple[Batch, Column]:
        valid = column.is_valid()
        for row in np.flatnonzero(~valid.to_numpy(zero_copy_only=False)).tolist():
            if self._options.errors != "skip":
                raise BadRecordError(self._place(row), f"column '{self._options.field}' is null", "null")
            self._stats.skip(self._place(row), "null")
        return batch.filter(valid), column.filter(valid)

    def _place(self, row: int) -> str:
        return f"{self._stream.name}: record {self._done + row + 1}"

    def _block(self, data: ByteArray, bounds: IntArray, batch: Batch, start: int) -> Block:
        part, ends = data[bounds[0] : bounds[-1]], bounds[1:] - bounds[0]
        if self._options.errors != "skip":
            self._check_lengths(np.diff(bounds), start)
        elif np.diff(bounds).max(initial=0) > self._options.max_document:
            # Ranges of rows hold several documents only where each is small.
            return self._short_ones(part, ends, batch, start)
        records = self._records(batch, start, len(ends))
        if _is_utf8(part, ends):
            return Block(part, ends, records=self._with_text(records, split_items(part, ends)) if records else None)
        documents = split_items(part, ends)
        if self._options.errors == "strict":
            raise self._not_utf8(documents, start)
        repaired = repair(documents, self._options.errors, self._stats, lambda row: self._place(start + row))
        rows = [row for row, document in enumerate(repaired) if document is not None]
        texts = [document for document in repaired if document is not None]
        return Block.of(texts, records=records and self._with_text([records[row] for row in rows], texts))

    def _short_ones(self, data: ByteArray, ends: IntArray, batch: Batch, start: int) -> Block:
        collector = Collector(self._options, self._stats)
        records = self._records(batch, start, len(ends)) or [{} for _ in ends]
        for row, document in enumerate(split_items(data, ends)):
            damaged = find_invalid(document) >= 0
            text = document.decode("utf-8", "replace")
            collector.add(self._place(start + row), text, records[row] | {self._options.field: text}, damaged=damaged)
        return next(collector.take(), Block.of([], records=[] if self._options.keep_records else None))

    def _check_lengths(self, lengths: IntArray, start: int) -> None:
        limit = self._options.max_document
        if lengths.max(initial=0) > limit:
            raise document_too_long(self._place(start + int(np.argmax(lengths > limit))), limit)

    def _not_utf8(self, documents: list[bytes], start: int) -> CorpusError:
        row, offset = next((row, at) for row, document in enumerate(documents) if (at := find_invalid(document)) >= 0)
        where = f"offset {offset} of the field"
        return not_utf8(self._stream, self._place(start + row), documents[row][offset], where)

    def _records(self, batch: Batch, start: int, count: int) -> list[Record] | None:
        """Records of consecutive rows without the text, which need not be UTF-8."""
        if not self._options.keep_records:
            return None
        rows = batch.slice(start, count)
        other_columns = rows.drop_columns([self._options.field])
        try:
            filled = other_columns.to_pylist() if other_columns.num_columns else [{} for _ in range(count)]
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{self._place(start)} or one after it: a column besides '{self._options.field}' is not UTF-8",
                hint="drop that column first",
            ) from error
        names = rows.schema.names if not self._nested else other_columns.schema.names
        return [{name: record.get(name) for name in names} for record in filled]

    def _with_text(self, records: list[Record], documents: list[bytes]) -> tuple[Record, ...]:
        field = self._options.field
        if self._nested:
            return tuple(records)
        pairs = zip(records, documents, strict=True)
        return tuple(record | {field: document.decode("utf-8")} for record, document in pairs)


class ConversationParser:
    """Turns the batches of a table with messages into blocks.

    Args:
        stream: The source, for messages.
        options: Name the column of the messages.
        stats: Counts skipped and replaced documents.
    """

    def __init__(self, stream: ByteStream, options: ReadOptions, stats: ReadStats) -> None:
        self._name = stream.name
        self._field = options.field
        self._collector = Collector(options, stats)
        self._done = 0

    def blocks(self, batch: Batch) -> Iterator[Block]:
        """Blocks of one batch."""
        for row in batch.to_pylist():
            self._done += 1
            place = f"{self._name}: record {self._done}"
            try:
                document = conversation_document(place, row, self._field)
            except BadRecordError as error:
                self._collector.refuse(error)
            else:
                self._collector.add(place, document, row)
        yield from self._collector.take()


def _buffers(column: Column) -> tuple[ByteArray, IntArray]:
    """The bytes of a column and the n + 1 bounds of its n values in them."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    column = column.cast(pa.large_binary())
    # A file can hold any offsets, and numpy does not check them.
    column.validate(full=True)
    _, bounds, data = column.buffers()
    start = column.offset
    taken = np.frombuffer(bounds, dtype=np.int64)[start : start + len(column) + 1] if bounds else np.zeros(1, np.int64)
    return np.frombuffer(data or b"", dtype=np.uint8), taken


def _cuts(bounds: IntArray, size: int) -> Iterator[tuple[int, int]]:
    """Ranges of rows that hold at most `size` bytes, or a single row."""
    start, rows = 0, len(bounds) - 1
    while start < rows:
        fitting = int(np.searchsorted(bounds, bounds[start] + size, side="right")) - 1
        end = min(rows, max(start + 1, fitting))
        yield start, end
        start = end


def _is_utf8(data: ByteArray, ends: IntArray) -> bool:
    """True when each document is UTF-8: all of them together are, and none starts inside a character."""
    if find_invalid(data.data) >= 0:
        return False
    starts = np.concatenate([[0], ends[:-1]])[np.diff(ends, prepend=0) > 0]
    return not bool(((data[starts] & 0xC0) == 0x80).any())


PARQUET = Reader(parsing(read_parquet), option="field")
ARROW = Reader(parsing(read_arrow), option="field")
