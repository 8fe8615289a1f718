"""Bytes of one source: a file, a pipe or standard input, decompressed while they are read.

When the source is not a regular file, reading never waits for a full buffer, so that a slow pipe is answered line by
line.
"""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, cast

from tokit.corpus.compression import COMPRESSIONS, decompress
from tokit.errors import CorpusError
from tokit.registry import near_names

__all__ = ["COMPRESSIONS", "STDIN", "ByteStream", "ReadStats", "copied", "open_stream", "seekable"]

STDIN = "<stdin>"
PIECE = 1 << 20
# Bytes of a source that are kept for hints.
HEAD = 1 << 10

# Number of skipped documents that are named.
NAMED = 3

Pull: TypeAlias = Callable[[int], bytes]


def silent(_message: str) -> None:
    """Drop a note."""


@dataclass(slots=True)
class ReadStats:
    """Counters that reading a corpus fills.

    Attributes:
        reasons: Number of documents and records that were skipped, by reason.
        replaced: Documents in which bytes that are not UTF-8 became U+FFFD.
        bytes_read: Bytes taken from disk or pipe, before decompression.
        notes: What was assumed of the sources, each once.
        tell: Called with each note, and with the place of the first skipped documents, at once.
    """

    reasons: dict[str, int] = field(default_factory=dict)
    replaced: int = 0
    bytes_read: int = 0
    notes: dict[str, str] = field(default_factory=dict)
    tell: Callable[[str], None] = silent
    _named: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def skipped(self) -> int:
        """Documents and records that were skipped."""
        return sum(self.reasons.values())

    def skip(self, place: str, reason: str) -> None:
        """Count a document that is left out; threads may do so at once. The first ones are named."""
        with self._lock:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            named = self._named < NAMED
            self._named += named
        if named:
            self.tell(f"{place}: skipped: {reason}")

    def count_replaced(self) -> None:
        """Count a document with replaced bytes; threads may do so at once."""
        with self._lock:
            self.replaced += 1

    def note(self, kind: str, message: str) -> None:
        """Pass on what is assumed of a source; of many sources of one kind only the first is named."""
        with self._lock:
            known = kind in self.notes
            self.notes.setdefault(kind, message)
        if not known:
            self.tell(message)

    def reset(self) -> None:
        """Set all counters to zero."""
        self.reasons = {}
        self.replaced = self.bytes_read = 0


class ByteStream:
    """Bytes of a source, in order, once.

    Args:
        name: Name of the source in messages.
        pull: Returns at least one and at most n bytes, b"" at the end; may wait.
        ready: True when `pull` would return at once; None for a regular file, which always does.
        path: The file itself when it is regular and not compressed, for readers that seek.

    Attributes:
        head: The first bytes.
        check: Called with the name and the first bytes that are read; may refuse them.
    """

    def __init__(
        self, name: str, pull: Pull, ready: Callable[[], bool] | None = None, path: Path | None = None
    ) -> None:
        self.name = name
        self.path = path
        self.head = b""
        self.check: Callable[[str, bytes], None] | None = None
        self._pull = pull
        self._ready = ready
        self._ended = False

    def read(self, size: int) -> bytes:
        """Read at most `size` bytes: fewer when a pipe has no more for now, none only at the end."""
        pieces: list[bytes] = []
        wanted = size
        while wanted and not self._ended:
            piece = self._pull(wanted)
            # A terminal can be read on after its end-of-file key, so the end is remembered.
            self._ended = not piece
            pieces.append(piece)
            wanted -= len(piece)
            if self._ready is not None and not self._ready():
                break
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if len(self.head) < HEAD:
            self.head += data[: HEAD - len(self.head)]
        if self.check is not None:
            check, self.check = self.check, None
            check(self.name, data)
        return data


@contextmanager
def open_stream(name: str, path: Path | None, compression: str | None, stats: ReadStats) -> Iterator[ByteStream]:
    """Open a source for reading.

    Args:
        name: Its name in messages.
        path: The file; None for standard input.
        compression: "gz", "bz2", "xz", "zst" or None.
        stats: Counts the bytes that are read.

    Raises:
        CorpusError: the file cannot be opened; later, on reading, that it cannot be read or is truncated.
    """
    if path is None:
        yield _standard_input(compression, stats)
        return
    try:
        # Without O_BINARY, which Windows alone has, it would translate line ends.
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise cannot_read(name, error) from error
    try:
        yield _file_stream(name, file, compression, stats, path)
    finally:
        os.close(file)


def _standard_input(compression: str | None, stats: ReadStats) -> ByteStream:
    if sys.stdin is None or sys.stdin.closed:
        raise CorpusError(f"{STDIN}: standard input is closed", hint="name a file, or pipe text in")
    try:
        file = sys.stdin.fileno()
    except (OSError, io.UnsupportedOperation):
        # A program that calls us may have put an object without a descriptor in its place.
        buffer = cast(io.BufferedReader, sys.stdin.buffer)
        pull = decompress(STDIN, _counted(STDIN, buffer.read1, stats), compression, stats.note)
        return ByteStream(STDIN, pull, lambda: False)
    return _file_stream(STDIN, file, compression, stats, None)


def _file_stream(name: str, file: int, compression: str | None, stats: ReadStats, path: Path | None) -> ByteStream:
    pull = decompress(name, _counted(name, lambda size: _read_descriptor(file, size), stats), compression, stats.note)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return ByteStream(name, pull, path=path if compression is None else None)
    return ByteStream(name, pull, lambda: _has_input(file, 0))


def _counted(name: str, pull: Pull, stats: ReadStats) -> Pull:
    def counted(size: int) -> bytes:
        try:
            piece = pull(size)
        except OSError as error:
            raise cannot_read(name, error) from error
        stats.bytes_read += len(piece)
        return piece

    return counted


def _read_descriptor(file: int, size: int) -> bytes:
    while True:
        try:
            return os.read(file, size)
        except BlockingIOError:
            # The program that passed us standard input may have made it non-blocking.
            _has_input(file, None)


def _has_input(file: int, milliseconds: int | None) -> bool:
    # Windows has no poll: there a pipe counts as one that is fed slowly, and is never non-blocking.
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(file, select.POLLIN)
    return bool(poll.poll(milliseconds))


def cannot_read(name: str, error: OSError) -> CorpusError:
    """The error for a file that the system cannot read, with similar names of its folder."""
    reason = (error.strerror or str(error)).lower()
    return CorpusError(f"{name}: {reason}", hint=near_names(name) if isinstance(error, FileNotFoundError) else "")


@contextmanager
def copied(stream: ByteStream) -> Iterator[Path]:
    """Copy the rest of a stream to a temporary file, which is removed at the end in any case.

    Raises:
        CorpusError: the temporary folder has no room.
    """
    with _no_room(stream.name):
        # Unbuffered, so that closing has nothing left to write and cannot fail.
        # Closed before it is read, as Windows opens no file twice that goes when it is closed.
        file = tempfile.NamedTemporaryFile(prefix="tokit-", buffering=0, delete=False)  # noqa: SIM115 (closed below)
    try:
        with file:
            while piece := stream.read(PIECE):
                rest = memoryview(piece)
                while rest:
                    with _no_room(stream.name):
                        rest = rest[file.write(rest) :]
        yield Path(file.name)
    finally:
        Path(file.name).unlink(missing_ok=True)


@contextmanager
def _no_room(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CorpusError(
            f"{name}: cannot be copied to a temporary file: {(error.strerror or str(error)).lower()}",
            hint="set TMPDIR to a folder with more room",
        ) from error


@contextmanager
def seekable(stream: ByteStream) -> Iterator[Path]:
    """Yield a file with the bytes of a stream: the source itself when it is a plain file, else a temporary copy."""
    if stream.path is not None:
        yield stream.path
        return
    with copied(stream) as path:
        yield path
