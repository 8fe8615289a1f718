"""Settings and pieces of a SentencePiece model, read from its protobuf without the protobuf library.

Field numbers: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
Wire format: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Value = int | bytes | float

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
MODEL_TYPES = {1: "unigram", 2: "bpe", 3: "word", 4: "char"}


@dataclass(frozen=True, slots=True)
class SpmPiece:
    """A piece of the vocabulary: its text, score (log probability or minus the merge rank) and type."""

    text: str
    score: float
    kind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpmModel:
    """Pieces and settings of a `.model` file, those that tokit needs, under SentencePiece's names."""

    pieces: tuple[SpmPiece, ...]
    model_type: str
    byte_fallback: bool
    whitespace_as_suffix: bool
    charsmap: bytes
    add_dummy_prefix: bool
    remove_extra_whitespaces: bool
    escape_whitespaces: bool


def read_model(data: bytes) -> SpmModel:
    """Read a serialized SentencePiece model.

    Raises:
        ValueError: the bytes are not such a model, or are truncated.
    """
    pieces: list[SpmPiece] = []
    trainer: dict[int, Value] = {}
    normalizer: dict[int, Value] = {}
    for number, value in fields(data):
        if not isinstance(value, bytes):
            continue
        if number == 1:
            pieces.append(_piece(dict(fields(value))))
        elif number == 2:
            trainer = dict(fields(value))
        elif number == 3:
            normalizer = dict(fields(value))
    if not pieces or (not trainer and not normalizer):
        raise ValueError("it has no pieces or no settings")
    return SpmModel(
        pieces=tuple(pieces),
        model_type=MODEL_TYPES.get(int(trainer.get(3, 1)), "unknown"),
        byte_fallback=bool(trainer.get(35, 0)),
        whitespace_as_suffix=bool(trainer.get(24, 0)),
        charsmap=_bytes(normalizer.get(2, b"")),
        add_dummy_prefix=bool(normalizer.get(3, 1)),
        remove_extra_whitespaces=bool(normalizer.get(4, 1)),
        escape_whitespaces=bool(normalizer.get(5, 1)),
    )


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(number, value) of each field of a message."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, number = key & 7, key >> 3
        value: Value
        if kind == 0:
            value, at = _varint(data, at)
        elif kind == 1:
            value, at = struct.unpack("<d", _slice(data, at, 8))[0], at + 8
        elif kind == 2:
            length, at = _varint(data, at)
            value, at = _slice(data, at, length), at + length
        elif kind == 5:
            value, at = struct.unpack("<f", _slice(data, at, 4))[0], at + 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        yield number, value


def _piece(values: dict[int, Value]) -> SpmPiece:
    return SpmPiece(_bytes(values.get(1, b"")).decode("utf-8"), float(values.get(2, 0.0)), int(values.get(3, NORMAL)))


def _bytes(value: Value) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number in place of text")
    return value


def _slice(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise ValueError("truncated")
    return data[at : at + length]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError("truncated")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
