"""A file of word vectors as people have it: plain, compressed, in a zip archive, or from a pipe.

Formats that are read front to back take `stream`: what lies behind the last row that is wanted is not read. Those that
seek take `plain_path`: the file itself, or a temporary copy of its plain bytes. Compression goes by the first bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from tokit.corpus.byte_stream import STDIN, ByteStream, ReadStats, copied, open_stream
from tokit.corpus.compression import decompress
from tokit.embedding.formats.archive import ZIP, open_member
from tokit.errors import ArtifactError, UsageError
from tokit.progress import Progress
from tokit.registry import near_names
from tokit.storage.embedding_manifest import FileRecord

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Pull: TypeAlias = Callable[[int], bytes]
# Holds a line of a few thousand numbers.
HEAD_BYTES = 1 << 18
PIECE = 1 << 20
COMPRESSIONS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
MAGIC_BYTES = 6
# An archive in a compressed file, or the other way round; more is no file of vectors.
MOST_LAYERS = 3
PIPE = "-"


class VectorSource:
    """An open file of word vectors.

    Attributes:
        name: Its name in messages.
        path: The file; None for standard input.
        member: The file of a zip archive that is read, if it is one.
        stream: Its plain bytes from the start, once.
        head: The first of these, at most `HEAD_BYTES`.
        size: Number of its plain bytes; None where it is not known before it is read.
    """

    def __init__(self, name: str, path: Path | None, raw: _CountedPull, stack: ExitStack) -> None:
        self.name, self.path = name, path
        self._raw, self._stack = raw, stack
        self._regular = path is not None and path.is_file()
        self._size = path.stat().st_size if path is not None and self._regular else None
        self._plain = self._regular
        self._sought = False
        self._plain_path: Path | None = None
        self.member: str | None = None
        self.size: int | None = None
        self.stream: io.BufferedReader = io.BufferedReader(_PulledBytes(raw), HEAD_BYTES)
        self.head = b""

    def unpack(self, member: str | None) -> None:
        """Look through compression and an archive, to `stream` and `head`.

        Raises:
            ArtifactError: an archive of several files, or a damaged one.
            CorpusError: damaged compressed data.
            UsageError: `member` is given, and it is no archive, or has no such file.
        """
        pull: Pull = self._raw
        for _ in range(MOST_LAYERS):
            head, pull = _peeked(pull, MAGIC_BYTES)
            compression = next((name for magic, name in COMPRESSIONS.items() if head.startswith(magic)), None)
            if compression is not None:
                pull = decompress(self.name, pull, compression)
            elif head.startswith(ZIP) and self.member is None:
                pull = self._open_member(pull, member)
            else:
                break
            self._plain = False
        if member is not None and self.member is None:
            raise UsageError(f"--member: {self.name} is not a zip archive", hint="leave it out")
        self.size = self._size if self._plain else None
        self.stream = io.BufferedReader(_PulledBytes(pull), HEAD_BYTES)
        self.head = self.stream.peek(HEAD_BYTES)[:HEAD_BYTES]

    def _open_member(self, pull: Pull, member: str | None) -> Pull:
        archive = self.path if self._plain else None
        self._sought = self._plain
        if archive is None:
            archive = self._stack.enter_context(copied(ByteStream(self.name, pull)))
        self.member, member_pull = open_member(archive, self.name, member, self._stack)
        self.name = f"{self.name}:{self.member}"
        return member_pull

    def plain_path(self) -> Path:
        """A file with the plain bytes: the source itself, or a temporary copy that goes when the source is closed.

        Raises:
            CorpusError: the temporary folder has no room.
        """
        if self._plain and self.path is not None:
            self._sought = True
            return self.path
        if self._plain_path is None:
            copy = copied(ByteStream(self.name, self.stream.read))
            self._plain_path = self._stack.enter_context(copy)
        return self._plain_path

    def progress(self) -> Progress:
        """Bytes of the file that were read so far."""
        return Progress("reading", self._raw.count, self._size, "bytes")

    def record(self, *, limited: bool) -> FileRecord:
        """Name, size and sha256 of the file; of a pipe, and where rows were `limited`, of the bytes that were read."""
        if self.path is None or not self._regular:
            return {"name": self.name, "bytes": self._raw.count, "sha256": self._raw.digest.hexdigest()}
        size = self._raw.count if limited and not self._sought else self.path.stat().st_size
        return {"name": self.path.name, "bytes": size, "sha256": _sha256_of(self.path, size)}


class _CountedPull:
    """Counts what is pulled; of a pipe, which cannot be read again, also the hash."""

    def __init__(self, stream: ByteStream, *, hashed: bool) -> None:
        self._stream, self._hashed = stream, hashed
        self.count = 0
        self.digest = hashlib.sha256()

    def __call__(self, size: int) -> bytes:
        piece = self._stream.read(size)
        self.count += len(piece)
        if self._hashed:
            self.digest.update(piece)
        return piece


class _PulledBytes(io.RawIOBase):
    """A raw stream that fills its buffer, so that a slow pipe gives the same pieces as a file."""

    def __init__(self, pull: Pull) -> None:
        self._pull, self._at = pull, 0

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view) and (piece := self._pull(min(len(view) - done, PIECE))):
            view[done : done + len(piece)] = piece
            done += len(piece)
        self._at += done
        return done


def _peeked(pull: Pull, size: int) -> tuple[bytes, Pull]:
    """The first bytes, and a function that pulls them again."""
    head = b""
    while len(head) < size and (piece := pull(size - len(head))):
        head += piece
    waiting = [head]

    def again(wanted: int) -> bytes:
        if not waiting[0]:
            return pull(wanted)
        first, waiting[0] = waiting[0][:wanted], waiting[0][wanted:]
        return first

    return head, again


def _sha256_of(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while size and (piece := file.read(min(size, PIECE))):
            digest.update(piece)
            size -= len(piece)
    return digest.hexdigest()


@contextmanager
def open_source(file: str | Path, member: str | None = None) -> Iterator[VectorSource]:
    """Open a file of word vectors.

    Args:
        file: A file, a named pipe, or "-" for standard input.
        member: The file to read of a zip archive that has several.

    Raises:
        ArtifactError: it is missing, a folder, or an archive of several files.
        CorpusError: damaged compressed data.
        UsageError: `member` is given, and there is no such file.
    """
    path = None if str(file) == PIPE else existing_path(Path(file))
    name = STDIN if path is None else str(file)
    with ExitStack() as stack:
        opened = stack.enter_context(open_stream(name, path, None, ReadStats()))
        raw = _CountedPull(opened, hashed=path is None or not path.is_file())
        source = VectorSource(name, path, raw, stack)
        source.unpack(member)
        yield source


def existing_path(path: Path) -> Path:
    """Check that a path is a file or a pipe.

    Raises:
        ArtifactError: it is missing, or a folder.
    """
    if path.is_dir():
        raise ArtifactError(
            f"{path} is a folder", hint="give a file of word vectors; a folder of tokit needs no import"
        )
    if not path.exists():
        raise ArtifactError(f"{path}: no such file", hint=near_names(path))
    return path
