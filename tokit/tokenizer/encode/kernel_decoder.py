"""Decode ids in a kernel, for decoders that concatenate the texts of pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from tokit.arrays import Block, ByteArray, Ids, IntArray, Pieces, join_items
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import MARGIN
from tokit.text.pretokenizer import padded
from tokit.tokenizer.byte_alphabet import byte_alphabet

BYTE_TOKEN = re.compile("<0x[0-9A-F]{2}>")
PREFIX = "##"


class KernelDecoder:
    """Decodes ids to the text that a tokenizer's decoder gives.

    Args:
        first: Bytes of each piece at the beginning of a document.
        rest: Bytes of each piece after another.
        special: True for ids that `skip_special` omits, shape (vocab,).
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
        """The documents, each followed by a separator; None if they are not UTF-8, which the library repairs."""
        decoded = self._run(ids, separator, skip_special=skip_special)
        return None if decoded is None else decoded[0]

    def decode_documents(self, ids: Ids) -> Block | None:
        """The documents as a block; None if they are not UTF-8."""
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
        return (raw, ends) if raw.isascii() or self._is_utf8(raw, ends) else None

    @staticmethod
    def _is_utf8(raw: bytes, ends: IntArray) -> bool:
        """True if every document is UTF-8 by itself."""
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return False
        # Without a separator the halves of a character in two documents would be one character again.
        inner = ends[(ends > 0) & (ends < len(raw))]
        return not bool(np.any(np.frombuffer(raw, dtype=np.uint8)[inner] & 0xC0 == 0x80))


def kernel_decoder_for(spec: dict[str, Any], pieces: Pieces) -> KernelDecoder | None:
    """A decoder for a tokenizer.json; None if the kernel cannot give the same text.

    Args:
        spec: Content of the file.
        pieces: Its tokens.
    """
    decoder, names, special = spec["decoder"], pieces.names, pieces.special
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
        return [kind for part in decoder["decoders"] for kind in _kinds(part)]
    return [decoder["type"]]


def _continued(name: str) -> bytes:
    if not name:
        return b""
    return name[len(PREFIX) :].encode("utf-8") if name.startswith(PREFIX) else b" " + name.encode("utf-8")


def _byte_level(names: Sequence[str]) -> list[bytes]:
    """The bytes of pieces; a token with a character outside the byte alphabet is its own text."""
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
