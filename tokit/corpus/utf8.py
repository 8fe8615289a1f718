"""Check that bytes are UTF-8; replace or drop documents that are not.

Whole blocks are checked at once; only a block that fails is checked document by document.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Sequence

from tokit.arrays import REPLACEMENT
from tokit.corpus.byte_stream import STDIN, ByteStream, ReadStats
from tokit.corpus.wide import guessed_encoding
from tokit.errors import CorpusError

NOT_UTF8 = "not UTF-8"
ERRORS = ("strict", "replace", "skip")
# Decoded text is thrown away, so a small window stays in the cache and a huge document needs no second copy.
WINDOW = 1 << 18
MAGIC = {b"\x1f\x8b": "zcat", b"\x28\xb5\x2f\xfd": "zstdcat", b"\xfd7zXZ": "xzcat", b"BZh": "bzcat"}
_SURROGATES = re.compile("[\ud800-\udfff]")


def find_invalid(data: bytes | memoryview) -> int:
    """Offset of the first byte that is not UTF-8, or -1."""
    if isinstance(data, bytes) and data.isascii():
        return -1
    view = memoryview(data)
    position = 0
    while position < len(view):
        window = view[position : position + WINDOW]
        try:
            position += codecs.utf_8_decode(window, "strict", position + WINDOW >= len(view))[1]
        except UnicodeDecodeError as error:
            return position + error.start
    return -1


def not_utf8(stream: ByteStream, place: str, byte: int, where: str) -> CorpusError:
    """The error for one bad byte.

    Args:
        stream: The source.
        place: File and line, or file and record.
        byte: Its value.
        where: Its offset, and the start from which that counts.
    """
    tool = next((tool for magic, tool in MAGIC.items() if stream.head.startswith(magic)), None)
    hint = "pass --errors replace or skip, or convert it first: iconv -f latin1 -t utf-8"
    guess = guessed_encoding(stream.head)
    if guess:
        hint = f"it looks like {guess}; if it is: iconv -f {guess} -t UTF-8"
    elif tool is not None and stream.name == STDIN:
        hint = f"it looks compressed: pipe it through `{tool} |` first"
    elif tool is not None:
        hint = f"it looks compressed: give it its usual extension, or pipe it in: {tool} {stream.name} |"
    return CorpusError(f"{place}: byte 0x{byte:02X} at {where} is not UTF-8", hint=hint)


def repair(
    documents: Sequence[bytes], errors: str, stats: ReadStats, place: Callable[[int], str]
) -> list[bytes | None]:
    """Replace bad bytes by U+FFFD (`errors="replace"`), or documents with bad bytes by None (`errors="skip"`)."""
    return [
        document if find_invalid(document) < 0 else _repaired(document, errors, stats, place(number))
        for number, document in enumerate(documents)
    ]


def is_skipped(errors: str, stats: ReadStats, place: str, reason: str = NOT_UTF8) -> bool:
    """Count a document that is not UTF-8, and decide whether it is dropped."""
    if errors == "skip":
        stats.skip(place, reason)
        return True
    stats.count_replaced()
    return False


def _repaired(document: bytes, errors: str, stats: ReadStats, place: str) -> bytes | None:
    if is_skipped(errors, stats, place):
        return None
    return document.decode("utf-8", "replace").encode("utf-8")


def has_surrogates(text: str) -> bool:
    """True when a string holds halves of surrogate pairs, which UTF-8 cannot write."""
    return _SURROGATES.search(text) is not None


def without_surrogates(text: str) -> str:
    """The string with U+FFFD for each half of a surrogate pair."""
    return _SURROGATES.sub(REPLACEMENT, text)
