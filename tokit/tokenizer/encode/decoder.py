"""Ids back to text in a kernel, for decoders that put the texts of pieces one after the other."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tokit.arrays import Block, ByteArray, Ids, IntArray, join_items
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import MARGIN
from tokit.text.pretokenizer import padded
from tokit.tokenizer.byte_alphabet import byte_alphabet

BYTE_TOKEN = re.compile("<0x[0-9A-F]{2}>")
PREFIX = "##"


class KernelDecoder:
    """Writes the texts of ids as a tokenizer's decoder does.

    Args:
        first: The bytes of each piece at the beginning of a document.
        rest: The same after another piece.
        special: True for ids that `skip_special` leaves out.
    """

    def __init__(self, first: list[bytes], rest: list[bytes], special: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        self._first, self._rest = _joined(first), _joined(rest)
        self._lengths = np.maximum(_lengths(self._first[1]), _lengths(self._rest[1]))
        unused = np.array([not (one or other) for one, other in zip(first, rest, strict=True)], dtype=np.bool_)
        self._dropped = {
            skip_special: np.asarray((special & skip_special) | unused, dtype=np.uint8)
            for skip_special in (False, True)
        }

    def decode(self, ids: Ids, separator: bytes, *, skip_special: bool) -> bytes | None:
        """The documents with a separator behind each; None when they are not UTF-8, and the library mends them."""
        decoded = self._run(ids, separator, skip_special=skip_special)
        return None if decoded is None else decoded[0]

    def decode_documents(self, ids: Ids) -> Block | None:
        """The documents as a block; None when they are not UTF-8."""
        decoded = self._run(ids, b"", skip_special=False)
        return None if decoded is None else Block(np.frombuffer(decoded[0], dtype=np.uint8), decoded[1])

    def _run(self, ids: Ids, separator: bytes, *, skip_special: bool) -> tuple[bytes, IntArray] | None:
        size = int(self._lengths[ids.data].sum()) + len(ids) * len(separator)
        out = np.empty(size + MARGIN, dtype=np.uint8)
        ends = np.empty(len(ids), dtype=np.int64)
        between = np.frombuffer(separator, dtype=np.uint8)
        dropped = self._dropped[skip_special]
        used = kernel("decode_ids")(ids.data, ids.ends, *self._first, *self._rest, dropped, between, out, ends)
        raw = out[:used].tobytes()
        return (raw, ends) if raw.isascii() or self._whole(raw, ends) else None

    @staticmethod
    def _whole(raw: bytes, ends: IntArray) -> bool:
        """Whether every document is UTF-8 by itself."""
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return False
        # A character may not lie over the end of a document: with nothing between them, two halves would seem whole.
        inner = ends[(ends > 0) & (ends < len(raw))]
        return not bool(np.any(np.frombuffer(raw, dtype=np.uint8)[inner] & 0xC0 == 0x80))


def decoder_for(
    spec: dict[str, Any], names: list[str], special: np.ndarray[Any, np.dtype[np.bool_]]
) -> KernelDecoder | None:
    """A decoder as a tokenizer.json says; None if the kernel cannot be it.

    Args:
        spec: The content of the file.
        names: The token of each id; "" where an id is unused.
        special: Which of them are special.
    """
    decoder = spec["decoder"]
    kinds = _kinds(decoder)
    if kinds == ["ByteLevel"]:
        texts = _byte_level(names)
        return KernelDecoder(texts, texts, special)
    texts = [name.encode("utf-8") for name in names]
    if not kinds:
        return KernelDecoder(texts, [b" " + text if text else b"" for text in texts], special)
    if kinds == ["Fuse"]:
        return KernelDecoder(texts, texts, special)
    if kinds == ["ByteFallback", "Fuse"]:
        texts = [bytes([int(name[3:5], 16)]) if BYTE_TOKEN.fullmatch(name) else name.encode() for name in names]
        return KernelDecoder(texts, texts, special)
    if kinds == ["WordPiece"] and decoder["prefix"] == PREFIX and not decoder["cleanup"]:
        return KernelDecoder(texts, [_continued(name) for name in names], special)
    return None


def _kinds(decoder: dict[str, Any] | None) -> list[str]:
    if decoder is None:
        return []
    if decoder["type"] == "Sequence":
        return [kind for each in decoder["decoders"] for kind in _kinds(each)]
    return [decoder["type"]]


def _continued(name: str) -> bytes:
    if not name:
        return b""
    return name[len(PREFIX) :].encode("utf-8") if name.startswith(PREFIX) else b" " + name.encode("utf-8")


def _byte_level(names: list[str]) -> list[bytes]:
    """The bytes of pieces; a token with a character outside the byte alphabet stands for its own text."""
    table = {ord(character): byte for byte, character in enumerate(byte_alphabet())}
    known = set(byte_alphabet())
    return [
        name.translate(table).encode("latin-1") if known.issuperset(name) else name.encode("utf-8") for name in names
    ]


def _joined(texts: list[bytes]) -> tuple[ByteArray, IntArray]:
    data, ends = join_items(texts)
    return padded(data), ends


def _lengths(ends: IntArray) -> IntArray:
    return np.diff(ends, prepend=0)
