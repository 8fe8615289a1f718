"""Content of a source by its first bytes, where its name says nothing or something else.

Archives, documents of other programs and UTF-16 are refused, whatever their name; `.json` is JSON lines, or refused.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from tokit.corpus.byte_stream import STDIN, ReadStats, open_stream
from tokit.corpus.locate import JSON_NAME, Located
from tokit.errors import CorpusError

# Enough for the first record of most files.
PEEK = 1 << 18
TAR_MAGIC, TAR_OFFSET = b"ustar", 257
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
    Foreign(b"\x89PNG\r\n", "a picture", "name text"),
    Foreign(b"\x7fELF", "a program", "name text"),
)
# Marks of UTF-16 and UTF-32; those of 32 first, as they begin with the same bytes.
WIDE = (
    (b"\xff\xfe\0\0", "UTF-32"), (b"\0\0\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip


def refuse_foreign(name: str, head: bytes) -> None:
    """Refuse what is no text in UTF-8, by its first bytes.

    Args:
        name: The source, for messages.
        head: Its first bytes, decompressed; at least 262 for archives of tar to be known.

    Raises:
        CorpusError: an archive, a document of another program, or text in UTF-16 or UTF-32.
    """
    # Of a pipe there is no name that another program could open.
    file = "FILE" if name == STDIN else name
    for magic, what, hint in FOREIGN:
        if head.startswith(magic):
            raise CorpusError(f"{name}: {what}, not text", hint=hint.format(name=file))
    if head[TAR_OFFSET : TAR_OFFSET + len(TAR_MAGIC)] == TAR_MAGIC:
        raise CorpusError(f"{name}: a tar archive, not text", hint=f"tar -xOf {file} | tokit …")
    encoding = _wide_encoding(head)
    if encoding:
        raise CorpusError(
            f"{name}: text in {encoding}, not UTF-8", hint=f"iconv -f {encoding} -t UTF-8 {file} | tokit …"
        )


def _wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32, by a mark or by the zeros of an alphabet; "" for neither."""
    sample = head[: 1 << 10]
    for mark, encoding in WIDE:
        # Bytes that are not UTF-8 may begin so, too; but text of 16 bits has zeros.
        if head.startswith(mark) and b"\0" in sample[len(mark) :]:
            return encoding
    even, odd = sample[::2], sample[1::2]
    if len(sample) < 8:
        return ""
    return "UTF-16LE" if _are_halves(even, odd) else "UTF-16BE" if _are_halves(odd, even) else ""


def _are_halves(low: bytes, high: bytes) -> bool:
    """True where every second byte is the upper half of a letter of an alphabet: below U+2000, and 0 in its spaces."""
    small = sum(byte < 0x20 for byte in high)
    return b"\0" in high and 10 * low.count(0) <= len(low) and 10 * small >= 9 * len(high)


def is_object_line(line: bytes) -> bool:
    """True for a whole JSON object."""
    if not line.lstrip().startswith(b"{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


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


def format_of_json(located: Located, compression: str | None) -> str:
    """Format of a file called `.json`: "jsonl", or "text" for an empty one.

    Raises:
        CorpusError: it is one array, or one object over several lines.
    """
    head = peek(located, compression)
    lines = head.lstrip().split(b"\n", 1)
    # A first record that is longer than what was read is taken for one.
    endless = len(lines) == 1 and len(head) >= PEEK and lines[0].startswith(b"{")
    if not lines[0].strip() or is_object_line(lines[0]) or endless:
        return "jsonl" if lines[0].strip() else "text"
    name = located.name
    if lines[0].startswith(b"["):
        raise CorpusError(
            f"{name}: one JSON array, not a record a line", hint=f"jq -c '.[]' {name} | tokit … --format jsonl"
        )
    if lines[0].startswith(b"{"):
        raise CorpusError(
            f"{name}: one JSON object, not a record a line", hint=f"jq -c . {name} | tokit … --format jsonl"
        )
    return "text"


def holds_records(path: str, compression: str | None, field: str) -> bool:
    """True for a `.json` of a folder that is JSON lines with this field, and no settings of a program."""
    from pathlib import Path

    try:
        first = peek(Located(path, Path(path)), compression).lstrip().split(b"\n", 1)[0]
        return is_object_line(first) and field.split(".", maxsplit=1)[0] in json.loads(first)
    except CorpusError:
        return False
