"""Detection of a file's format from its first bytes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

from tokit.embedding.formats.fasttext import MAGIC as FASTTEXT
from tokit.embedding.formats.text_vectors import HEADER
from tokit.errors import ArtifactError
from tokit.registry import near_names
from tokit.storage.files import MAGIC

# Holds a line of a few thousand numbers.
HEAD_BYTES = 1 << 18
COMPRESSED = {b"\x1f\x8b": "gzip -d", b"PK\x03\x04": "unzip", b"BZh": "bzip2 -d", b"\xfd7zXZ": "xz -d"}


def existing_file(file: str | Path) -> Path:
    """Check that a path is a regular file.

    Raises:
        ArtifactError: it is missing, a folder, or a pipe.
    """
    path = Path(file)
    if path.is_dir():
        raise ArtifactError(
            f"{file} is a folder", hint="give a file of word vectors; a folder of tokit needs no import"
        )
    if not path.exists():
        raise ArtifactError(f"{file}: no such file", hint=near_names(path))
    if not path.is_file():
        raise ArtifactError(f"{file} is a pipe or a device", hint="its size has to be known: save it to a file first")
    return path


def detect_format(path: Path) -> str:
    """Name the format of a file.

    Raises:
        ArtifactError: it cannot be read, or its format is unknown.
    """
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
        size = path.stat().st_size
    except OSError as error:
        raise ArtifactError(f"{path}: {error.strerror}", hint=near_names(path)) from error
    if not head:
        raise ArtifactError(f"{path}: the file is empty", hint="fetch it again")
    for magic, command in COMPRESSED.items():
        if head.startswith(magic):
            raise ArtifactError(f"{path} is compressed", hint=f"unpack it first: {command} {path}")
    for name, fits in TESTS.items():
        if fits(head, size):
            return "fasttext-vec" if name == "word2vec" and path.suffix == ".vec" else name
    raise ArtifactError(f"{path}: no known format of word vectors", hint="name it with --format")


def _is_fasttext(head: bytes, _: int) -> bool:
    return head[:4] == struct.pack("<i", FASTTEXT)


def _is_numpy(head: bytes, _: int) -> bool:
    return head.startswith(MAGIC[".npy"])


def _is_safetensors(head: bytes, size: int) -> bool:
    return head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= size - 8


def _is_word2vec(head: bytes, _: int) -> bool:
    # A file with a broken line is text too: the error of the reader names the line.
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
        # The last character may be truncated.
        return len(head) == HEAD_BYTES and error.start > HEAD_BYTES - 4 and b"\0" not in head
    return b"\0" not in head


def _is_line(line: bytes) -> bool:
    """True if a line, or the start of a very long one, is a word and at least one number."""
    fields = line.split()
    # The second field may belong to a word with spaces, and the last one may be truncated.
    middle = fields[len(fields) // 2 : -1] or fields[1:]
    if len(fields) < 2:
        return False
    try:
        return bool([float(field) for field in middle])
    except ValueError:
        return False
