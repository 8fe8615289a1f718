"""Which format a file has, from how it begins."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tokit.embedding.formats.fasttext_bin import MAGIC as FASTTEXT
from tokit.embedding.formats.text import HEADER
from tokit.errors import ArtifactError
from tokit.registry import near_names
from tokit.storage.files import MAGIC

# Holds a line of a few thousand numbers.
HEAD_BYTES = 1 << 18
COMPRESSED = {b"\x1f\x8b": "gzip -d", b"PK\x03\x04": "unzip", b"BZh": "bzip2 -d", b"\xfd7zXZ": "xz -d"}


def recognise(path: Path) -> str:
    """The name of a file's format.

    Raises:
        ArtifactError: it cannot be read, or is none of the known ones.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint=near_names(path)) from error
    if not head:
        raise ArtifactError(f"{path}: the file is empty", hint="fetch it again")
    for start, command in COMPRESSED.items():
        if head.startswith(start):
            raise ArtifactError(f"{path} is compressed", hint=f"unpack it first: {command} {path}")
    for name, fits in TESTS.items():
        if fits(head, size):
            return "fasttext-vec" if name == "word2vec" and path.suffix == ".vec" else name
    raise ArtifactError(f"{path}: no known format of word vectors", hint="--format says which it is")


def _is_fasttext(head: bytes, _: int) -> bool:
    return head[:4] == struct.pack("<i", FASTTEXT)


def _is_numpy(head: bytes, _: int) -> bool:
    return head.startswith(MAGIC[".npy"])


def _is_safetensors(head: bytes, size: int) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _is_word2vec(head: bytes, _: int) -> bool:
    # A broken line is text still, and its error names the line.
    return _has_header(head) and (_is_line(_second_line(head)) or _is_text(head))


def _is_word2vec_binary(head: bytes, _: int) -> bool:
    return _has_header(head)


def _is_glove(head: bytes, _: int) -> bool:
    return not _has_header(head) and _is_line(head.partition(b"\n")[0])


TESTS: dict[str, Callable[[bytes, int], bool]] = {
    "fasttext-bin": _is_fasttext,
    "npy": _is_numpy,
    "safetensors": _is_safetensors,
    "word2vec": _is_word2vec,
    "word2vec-binary": _is_word2vec_binary,
    "glove": _is_glove,
}


def _has_header(head: bytes) -> bool:
    return HEADER.fullmatch(head.partition(b"\n")[0]) is not None


def _second_line(head: bytes) -> bytes:
    return head.partition(b"\n")[2].partition(b"\n")[0]


def _is_text(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may be cut in the middle.
        return len(head) == HEAD_BYTES and error.start > HEAD_BYTES - 4 and b"\0" not in head
    return b"\0" not in head


def _is_line(line: bytes) -> bool:
    """Whether a line, or the beginning of a very long one, is a word and a number or more."""
    fields = line.split()
    # Of a word with spaces the second field is none, and the very last may be cut in the middle.
    middle = fields[len(fields) // 2 : -1] or fields[1:]
    if len(fields) < 2:
        return False
    try:
        return bool([float(field) for field in middle])
    except ValueError:
        return False
