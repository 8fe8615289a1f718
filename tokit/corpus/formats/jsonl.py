"""JSON lines: one object a line; one of its fields is the document."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tokit.arrays import Block, Record
from tokit.corpus.byte_stream import ByteStream, ReadStats
from tokit.corpus.conversations import conversation_document
from tokit.corpus.formats.base import Reader, ReadOptions, parsing
from tokit.corpus.formats.records import BOM, RECORD_ROOM, Collector, missing_field
from tokit.corpus.formats.text import whole_lines
from tokit.corpus.nested import ABSENT, text_paths, value_at
from tokit.corpus.utf8 import find_invalid, not_utf8
from tokit.errors import BadRecordError

KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", int: "a number", float: "a number"}


def read_jsonl(stream: ByteStream, options: ReadOptions, stats: ReadStats) -> Iterator[Block]:
    """Blocks of a source of JSON lines; empty lines are no records."""
    collector = Collector(options, stats)
    for chunk in whole_lines(stream, options.block_bytes, options.max_document + RECORD_ROOM):
        for line, raw in enumerate(chunk.data.split(b"\n"), start=chunk.line):
            # Only here is a byte-order mark not content: JSON forbids it, and some editors write it.
            trimmed = raw.removeprefix(BOM) if line == 1 else raw
            if trimmed.strip():
                _add(collector, stream, line, trimmed, options)
        yield from collector.take()


def _add(collector: Collector, stream: ByteStream, line: int, raw: bytes, options: ReadOptions) -> None:
    place = f"{stream.name}:{line}"
    invalid = find_invalid(raw)
    if invalid >= 0 and options.errors == "strict":
        raise not_utf8(stream, place, raw[invalid], f"offset {invalid} of the line")
    try:
        record = _parse(place, raw.decode("utf-8", "replace"))
        document = _document(place, record, options)
    except BadRecordError as error:
        collector.refuse(error)
    else:
        collector.add(place, document, record, damaged=invalid >= 0)


def _parse(place: str, line: str) -> Record:
    try:
        record = json.loads(line)
    except json.JSONDecodeError as error:
        raise BadRecordError(
            place,
            f"broken JSON at column {error.colno}: {error.msg}",
            "two values on a line" if error.msg == "Extra data" else "broken JSON",
            hint="each line must be one whole JSON object; for plain text pass --format text",
        ) from error
    except (ValueError, RecursionError) as error:
        raise BadRecordError(place, f"JSON that cannot be read: {error}", "broken JSON") from error
    if not isinstance(record, dict):
        message = f"{_kind(record)} where a JSON object should be"
        raise BadRecordError(place, message, "no object", hint='such as {"text": "…"}')
    return record


def _document(place: str, record: Record, options: ReadOptions) -> str:
    if not options.conversations:
        return _text(place, record, options.field, options.field_option)
    if options.field not in record:
        raise missing_field(place, options.field, list(record), options.field_option)
    return conversation_document(place, record, options.field)


def _text(place: str, record: Record, field: str, option: str) -> str:
    text = value_at(record, field)
    if text is ABSENT:
        raise missing_field(place, field, list(dict.fromkeys([*record, *text_paths(record)])), option)
    if not isinstance(text, str):
        strings = list(text_paths(record))
        hint = f"fields that are strings: {', '.join(strings)}" if strings else ""
        reason = "null" if text is None else "not a string"
        raise BadRecordError(place, f"field '{field}' is {_kind(text)}, not a string", reason, hint=hint)
    return text


def _kind(value: object) -> str:
    return KINDS.get(type(value), "null")


JSONL = Reader(parsing(read_jsonl), option="field")
