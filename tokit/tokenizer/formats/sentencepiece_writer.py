"""Write a SentencePiece BPE model of pieces that another file holds.

Field numbers: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from tokit.tokenizer.formats.sentencepiece_proto import BYTE

BPE = 2
# Role → (field of its id, field of its text) in the trainer's settings.
ROLE_FIELDS = {"bos": (41, 46), "eos": (42, 47), "pad": (43, 48)}


def model_bytes(pieces: Sequence[tuple[str, float, int]], *, ids: Mapping[str, int], add_dummy_prefix: bool) -> bytes:
    """A model that splits at spaces and changes no text.

    Args:
        pieces: (text, score, type) of each piece.
        ids: Ids of "bos", "eos" and "pad"; -1 for none.
        add_dummy_prefix: Put a space before the text.
    """
    trainer = _number(3, BPE) + _number(35, int(any(kind == BYTE for _, _, kind in pieces)))
    for role, (id_field, text_field) in ROLE_FIELDS.items():
        i = ids.get(role, -1)
        trainer += _number(id_field, i) + (_message(text_field, pieces[i][0].encode("utf-8")) if i >= 0 else b"")
    normalizer = _message(1, b"identity") + _number(3, int(add_dummy_prefix)) + _number(4, 0) + _number(5, 1)
    return b"".join([*(_message(1, _piece(*piece)) for piece in pieces), _message(2, trainer), _message(3, normalizer)])


def _piece(text: str, score: float, kind: int) -> bytes:
    return _message(1, text.encode("utf-8")) + b"\x15" + struct.pack("<f", score) + _number(3, kind)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _number(field: int, value: int) -> bytes:
    # A negative number is written in 64 bits.
    return _varint(field << 3) + _varint(value & (1 << 64) - 1)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
