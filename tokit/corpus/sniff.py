"""Content of a source by its first bytes, where its name says nothing or something else.

Archives, documents of other programs, UTF-16, UTF-32 and one JSON value over a whole source are refused, whatever the
name; who names plain text (`--format text`) means it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from tokit.arrays import Record
from tokit.corpus.byte_stream import STDIN, ReadStats, open_stream
from tokit.corpus.json_value import is_object_line, is_string_line, refuse_one_value
from tokit.corpus.locate import JSON_NAME, Located
from tokit.corpus.nested import ABSENT, value_at
from tokit.corpus.wide import wide_encoding
from tokit.errors import CorpusError

# Enough for the first record of most files.
PEEK = 1 << 18
TAR_MAGIC, TAR_OFFSET = b"ustar", 257
TAR_HEADER, TAR_CHECKSUM = 512, slice(148, 156)
UNZIP = "unzip -p {name} | tokit …"


class Foreign(NamedTuple):
    """First bytes of a format that holds no plain text, what it is, and how its text is had."""

    magic: bytes
    what: str
    hint: str


FOREIGN = (
    Foreign(b"%PDF-", "a PDF document", "pdftotext {name} - | tokit …"),
    Foreign(b"PK\x03\x04", "a zip archive, as .docx, .xlsx and .epub are", UNZIP),
    Foreign(b"PK\x05\x06", "an empty zip archive", UNZIP),
    Foreign(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so {name} | tokit …"),
    Foreign(b"Rar!\x1a\x07", "a rar archive", "unrar p -inul {name} | tokit …"),
    Foreign(b"SQLite format 3\0", "a database of SQLite", "sqlite3 {name} 'select text from …' | tokit …"),
    Foreign(b"{\\rtf", "a document in RTF", "pandoc -t plain {name} | tokit …"),
    Foreign(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document", "save it as text"),
    Foreign(b"PAR1", "a Parquet table", "--format parquet"),
    Foreign(b"ARROW1", "an Arrow table", "--format arrow"),
    Foreign(b"!<arch>\n", "an archive of ar, as .a and .deb are", "ar p {name} | tokit …"),
    Foreign(b"\x89PNG\r\n", "a picture", "name text"),
    Foreign(b"\x7fELF", "a program", "name text"),
)


def refuse_foreign(name: str, head: bytes) -> None:
    """Refuse what is no text in UTF-8, by its first bytes.

    Args:
        name: The source, for messages.
        head: Its first bytes, decompressed; at least 512 for archives of tar to be known.

    Raises:
        CorpusError: an archive, a document of another program, or text in UTF-16 or UTF-32.
    """
    # Of a pipe there is no name that another program could open.
    file = "FILE" if name == STDIN else name
    for magic, what, hint in FOREIGN:
        if head.startswith(magic):
            raise CorpusError(f"{name}: {what}, not text", hint=hint.format(name=file))
    if is_tar(head):
        raise CorpusError(f"{name}: a tar archive, not text", hint=f"tar -xOf {file} | tokit …")
    encoding = wide_encoding(head)
    if encoding:
        raise CorpusError(
            f"{name}: text in {encoding}, not UTF-8", hint=f"iconv -f {encoding} -t UTF-8 {file} | tokit …"
        )


def is_tar(head: bytes) -> bool:
    """True for an archive of tar: by its magic, which the oldest form lacks, or by the checksum of its first header."""
    if head[TAR_OFFSET : TAR_OFFSET + len(TAR_MAGIC)] == TAR_MAGIC:
        return True
    header, field = head[:TAR_HEADER], head[TAR_CHECKSUM]
    digits = field.strip(b"\0 ")
    if len(header) < TAR_HEADER or not digits or digits.strip(b"01234567"):
        return False
    # The sum is taken with spaces in its own field.
    return int(digits, 8) == sum(header) - sum(field) + ord(" ") * len(field)


def check_content(source: str, head: bytes, *, stats: ReadStats, name: str) -> None:
    """Refuse what is no text or no record a line, and say when plain text looks like records.

    Args:
        source: Its name, for messages.
        head: Its first bytes.
        stats: Takes the note.
        name: The format that it would be read as.

    Raises:
        CorpusError: see `refuse_foreign` and `refuse_one_value`.
    """
    refuse_foreign(source, head)
    if name not in ("text", "jsonl"):
        return
    refuse_one_value(source, "FILE" if source == STDIN else source, head, text=name == "text")
    if name == "text" and is_object_line(head.removeprefix(b"\xef\xbb\xbf").partition(b"\n")[0]):
        stats.note("records", f"{source}: read as plain text, though its first line is a JSON object: --format jsonl")


def is_json(located: Located) -> bool:
    """True for a file called `.json`, compressed or not; a pipe of that name can be read only once."""
    return located.path is not None and located.path.is_file() and JSON_NAME.search(located.path.name) is not None


def peek(located: Located, compression: str | None) -> bytes:
    """First bytes of a file, decompressed, without a byte-order mark.

    Raises:
        CorpusError: it cannot be read.
    """
    with open_stream(located.name, located.path, compression, ReadStats()) as stream:
        return stream.read(PEEK).removeprefix(b"\xef\xbb\xbf")


def format_of_json(located: Located, compression: str | None, note: Callable[[str, str], None]) -> str:
    """Format of a file called `.json`: "jsonl", or "text" for an empty one and for plain text; it is said.

    Raises:
        CorpusError: it is one array, or one object over several lines, or a string a line.
    """
    head = peek(located, compression).lstrip()
    name = located.name
    first, *more = head.split(b"\n", 1)
    # A first record that is longer than what was read is taken for one.
    if is_object_line(first) or (not more and len(head) >= PEEK and first.startswith(b"{")):
        note("json", f"{name}: read as JSON lines, by its first line")
        return "jsonl"
    refuse_foreign(name, head)
    refuse_one_value(name, name, head, text=False)
    if is_string_line(first):
        raise CorpusError(
            f"{name}: a JSON string a line, not an object", hint=f"jq -c '{{text: .}}' {name} | tokit … --format jsonl"
        )
    if first.startswith((b"[", b"{")):
        raise CorpusError(f"{name}: JSON, but no object a line", hint=f"jq -c . {name} shows what it holds")
    if first.strip():
        note("json as text", f"{name}: read as plain text, as its first line is no JSON object")
    return "text"


def _may_be_text(record: Record, field: str) -> bool:
    """True where a field holds text, lists or nothing; a number or an object is no text but a setting.

    A null is a record that `--errors` decides on.
    """
    if field in record:
        return record[field] is None or isinstance(record[field], str | list)
    return "." in field and value_at(record, field) is not ABSENT


def holds_records(path: str, compression: str | None, field: str) -> bool:
    """True for a `.json` of a folder that is JSON lines with this field, and no settings of a program."""
    from pathlib import Path

    try:
        first = peek(Located(path, Path(path)), compression).lstrip().split(b"\n", 1)[0]
        return is_object_line(first) and _may_be_text(json.loads(first), field)
    except CorpusError:
        return False
