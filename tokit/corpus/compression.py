"""Decompression while reading: gz, bz2, xz and zst, of one or several members.

The file objects of the libraries are not used: they wait for whole headers and buffers, which stalls a slow pipe, and
zstandard's accepts a truncated file.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Protocol, TypeAlias

from tokit.errors import CorpusError, MissingExtraError

PIECE = 1 << 16
# One zstd block of four bytes may hold 128 KiB, and the library has no limit on what one call returns.
ZSTD_PIECE = 1 << 11
# `zstd --ultra --long=31` looks back as far as the format allows.
LONGEST_WINDOW = 1 << 31
# First bytes of a member; of zst also those of a frame that is skipped, which differ in the first byte.
MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh", "xz": b"\xfd7zXZ\0", "zst": b"\x28\xb5\x2f\xfd"}
SKIPPABLE = b"\x2a\x4d\x18"
# Formats whose own tools ignore garbage behind the last member.
TOLERANT = ("gz", "bz2")


Pull: TypeAlias = Callable[[int], bytes]
Note: TypeAlias = Callable[[str, str], None]


def _unsaid(_kind: str, _message: str) -> None:
    """Drop a note."""


class Codec(Protocol):
    """One member of a compressed file."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def needs_input(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class Gzip:
    """zlib's decompressor with the interface of bz2's and lzma's."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        out = self._inner.decompress(self._inner.unconsumed_tail + data, max_length)
        # With a full output zlib may hold more, even when it has taken all input.
        self.needs_input = not self._inner.unconsumed_tail and len(out) < max_length
        return out


class Zstd:
    """zstandard's decompressor with the interface of bz2's and lzma's; output past the wanted length is buffered."""

    def __init__(self) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise MissingExtraError("reading .zst", "data") from error
        self._inner = zstandard.ZstdDecompressor(max_window_size=LONGEST_WINDOW).decompressobj()
        self._pending = memoryview(b"")
        self._ready = b""

    @property
    def eof(self) -> bool:
        return bool(self._inner.eof) and not self._ready

    @property
    def unused_data(self) -> bytes:
        return bytes(self._inner.unused_data) + self._pending.tobytes()

    @property
    def needs_input(self) -> bool:
        return not self._pending and not self._ready

    def decompress(self, data: bytes, max_length: int) -> bytes:
        if data:
            self._pending = memoryview(self._pending.tobytes() + data)
        while not self._ready and self._pending and not self._inner.eof:
            piece, self._pending = self._pending[:ZSTD_PIECE], self._pending[ZSTD_PIECE:]
            self._ready = self._inner.decompress(piece)
        out, self._ready = self._ready[:max_length], self._ready[max_length:]
        return out


COMPRESSIONS: dict[str, Callable[[], Codec]] = {
    "gz": Gzip,
    "bz2": bz2.BZ2Decompressor,
    "xz": lzma.LZMADecompressor,
    "zst": Zstd,
}


class Decompressor:
    """Pulls compressed bytes and returns plain ones.

    Args:
        name: Name of the source in messages.
        pull: Returns at least one and at most n compressed bytes, b"" at the end.
        compression: A key of `COMPRESSIONS`.
        note: Called with what is assumed: a kind and a message.
    """

    def __init__(self, name: str, pull: Pull, compression: str, note: Note = _unsaid) -> None:
        self._name = name
        self._note = note
        self._members = 0
        self._pull = pull
        self._compression = compression
        self._new = COMPRESSIONS[compression]
        self._codec: Codec | None = None
        self._waiting = b""

    def __call__(self, size: int) -> bytes:
        """At least one and at most `size` plain bytes, b"" at the end."""
        while True:
            if self._codec is None and not self._next_member():
                return b""
            out = self._step(size)
            if out:
                return out

    def _next_member(self) -> bool:
        while not self._waiting:
            self._waiting = self._pull(PIECE)
            if not self._waiting:
                return False
            # Members may be padded with zeros (gzip on tapes, xz to four bytes).
            self._waiting = self._waiting.lstrip(b"\0")
        if not self._members:
            self._check_first()
        elif self._is_garbage():
            self._note("garbage", f"{self._name}: garbage behind the {self._compression} data is ignored")
            while self._pull(PIECE):
                pass
            self._waiting = b""
            return False
        self._members += 1
        self._codec = self._new()
        return True

    def _check_first(self) -> None:
        """Refuse a source that is not compressed at all, in whatever piece of its first bytes there is."""
        head, magic = self._waiting[:6], MAGIC[self._compression]
        skippable = self._compression == "zst" and head[0] >> 4 == 5 and SKIPPABLE.startswith(head[1:4])
        if not magic.startswith(head[: len(magic)]) and not skippable:
            raise CorpusError(
                f"{self._name}: not compressed, though named or given as {self._compression}",
                hint="name it without that extension, or pipe it in: tokit … < FILE",
            )

    def _is_garbage(self) -> bool:
        magic = MAGIC[self._compression] if self._compression in TOLERANT else b""
        while len(self._waiting) < len(magic) and (piece := self._pull(PIECE)):
            self._waiting += piece
        return not self._waiting.startswith(magic)

    def _step(self, size: int) -> bytes:
        codec = self._codec
        if codec is None:
            return b""
        data, self._waiting = self._waiting, b""
        ended = False
        if not data and codec.needs_input:
            data = self._pull(PIECE)
            ended = not data
        try:
            out = codec.decompress(data, size)
        except Exception as error:
            raise self._corrupt(error) from error
        if codec.eof:
            self._codec, self._waiting = None, codec.unused_data.lstrip(b"\0")
        elif ended and not out:
            raise CorpusError(
                f"{self._name}: the {self._compression} data is truncated", hint="download or copy it again"
            )
        return out

    def _corrupt(self, error: Exception) -> Exception:
        """Turn an exception of a codec into an error for the user; each library has exceptions of its own."""
        if isinstance(error, MemoryError):
            return error
        return CorpusError(
            f"{self._name}: not {self._compression} data, or damaged: {error}",
            hint=f"test it with: {TESTERS[self._compression]}",
        )


TESTERS = {"gz": "gzip -t", "bz2": "bzip2 -t", "xz": "xz -t", "zst": "zstd -t"}


def decompress(name: str, pull: Pull, compression: str | None, note: Note = _unsaid) -> Pull:
    """Wrap `pull` so that it returns decompressed bytes."""
    return pull if compression is None else Decompressor(name, pull, compression, note)
