"""Models of a tokenizer.json as tables for the kernel that encodes pre-tokens: BPE, whole words, WordPiece."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import ByteArray, IdArray, join_items
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import (
    ARENA,
    ARENA_START,
    BPE,
    COUNT_STATE,
    LONG_SLOT,
    NO_PAIR,
    NO_RANK,
    PIECE_BITS,
    PIECES,
    SHORT_SLOT,
    WORDS,
)
from tokit.text.pretokenizer import padded
from tokit.tokenizer.byte_alphabet import byte_alphabet

PREFIX = "##"
# A pair and its rank have to fit into 64 bits.
MAX_PIECES, MAX_MERGES = 1 << PIECE_BITS, NO_RANK

PieceTable = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], ByteArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreTokenModel:
    """A model in the form that the kernel `encode_block` takes.

    Attributes:
        kind: BPE, WORDS or PIECES (WordPiece), of `kernels/layout.py`.
        unknown: Id of the unknown token; WORDS and PIECES.
        limit: Length of the longest word that is not unknown, in characters; PIECES.
        symbols: Id of each byte; BPE; uint32, shape (256,).
        pairs: Hash table of merges, a slot for left id, right id and rank, made by the kernel `index_pairs`; BPE;
            uint64, shape (slots,), a power of two.
        merged: Id that the merge of each rank makes; BPE; uint32, shape (merges + 1,).
        heads: Pieces that start a word, with their ids plus one; PIECES.
        tails: Pieces inside a word, without their prefix, with their ids plus one; PIECES.
        whole: Words that have an id of their own, looked up before anything else; UTF-8 → id.
    """

    kind: int
    unknown: int = 0
    limit: int = 0
    symbols: IdArray = field(default_factory=lambda: np.zeros(256, dtype=np.uint32))
    pairs: npt.NDArray[np.uint64] = field(default_factory=lambda: np.full(2, NO_PAIR, dtype=np.uint64))
    merged: IdArray = field(default_factory=lambda: np.zeros(1, dtype=np.uint32))
    heads: PieceTable = field(default_factory=lambda: piece_table(()))
    tails: PieceTable = field(default_factory=lambda: piece_table(()))
    whole: dict[bytes, int] = field(default_factory=dict)

    @property
    def arguments(self) -> tuple[Any, ...]:
        """In the order in which the kernel takes them."""
        return self.kind, self.unknown, self.limit, self.symbols, self.pairs, self.merged, *self.heads, *self.tails


def pretoken_model(model: dict[str, Any], *, byte_level: bool) -> PreTokenModel | None:
    """The model of a tokenizer.json; None if the kernel does not know it."""
    makers = {"BPE": _bpe, "WordLevel": _words, "WordPiece": _pieces}
    return makers[model["type"]](model, byte_level) if model["type"] in makers else None


def _bpe(model: dict[str, Any], byte_level: bool) -> PreTokenModel | None:
    vocab: dict[str, int] = model["vocab"]
    alphabet = byte_alphabet()
    plain = not (model.get("dropout") or model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"))
    if not byte_level or not plain or not all(character in vocab for character in alphabet):
        return None
    merges = [merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"]]
    try:
        lefts = [vocab[left] for left, _ in merges]
        rights = [vocab[right] for _, right in merges]
        ids = [vocab[left + right] for left, right in merges]
    except KeyError:
        return None
    if max(vocab.values()) >= MAX_PIECES or len(ids) >= MAX_MERGES:
        return None
    pairs = np.full(power_of_two(2 * len(ids)), NO_PAIR, dtype=np.uint64)
    kernel("index_pairs")(np.array(lefts, dtype=np.uint32), np.array(rights, dtype=np.uint32), pairs)
    symbols = np.array([vocab[character] for character in alphabet], dtype=np.uint32)
    merged = np.array([*ids, 0], dtype=np.uint32)
    whole = pieces_as_bytes(vocab) if model.get("ignore_merges") else {}
    return PreTokenModel(kind=BPE, symbols=symbols, pairs=pairs, merged=merged, whole=whole)


def pieces_as_bytes(vocab: dict[str, int]) -> dict[bytes, int]:
    """The pieces of a byte-level vocabulary as bytes, without those that are not, special tokens."""
    table = {ord(character): byte for byte, character in enumerate(byte_alphabet())}
    pieces = {}
    for piece, i in vocab.items():
        try:
            pieces[piece.translate(table).encode("latin-1")] = i
        except UnicodeEncodeError:
            continue
    # No pre-token is empty.
    pieces.pop(b"", None)
    return pieces


def _words(model: dict[str, Any], byte_level: bool) -> PreTokenModel | None:
    vocab: dict[str, int] = model["vocab"]
    if byte_level or model["unk_token"] not in vocab:
        return None
    whole = {word.encode(): i for word, i in vocab.items() if word}
    return PreTokenModel(kind=WORDS, unknown=vocab[model["unk_token"]], whole=whole)


def _pieces(model: dict[str, Any], byte_level: bool) -> PreTokenModel | None:
    vocab: dict[str, int] = model["vocab"]
    if byte_level or model["unk_token"] not in vocab or model["continuing_subword_prefix"] != PREFIX:
        return None
    heads = piece_table((piece.encode(), i) for piece, i in vocab.items() if piece)
    inner = ((piece.removeprefix(PREFIX).encode(), i) for piece, i in vocab.items() if piece.startswith(PREFIX))
    tails = piece_table((piece, i) for piece, i in inner if piece)
    unknown, limit = vocab[model["unk_token"]], model["max_input_chars_per_word"]
    return PreTokenModel(kind=PIECES, unknown=unknown, limit=limit, heads=heads, tails=tails)


def power_of_two(at_least: int) -> int:
    """The smallest power of two that is at least this, and at least 16."""
    return 1 << max(4, (at_least - 1).bit_length())


def piece_table(pieces: Iterable[tuple[bytes, int]]) -> PieceTable:
    """Hash table of pieces (bytes, id) for the kernels; its values are ids plus one."""
    items = list(pieces)
    slots = power_of_two(4 * len(items))
    long_bytes = ARENA_START + sum(len(piece) for piece, _ in items)
    table = (
        np.zeros(SHORT_SLOT * slots, np.uint64),
        np.zeros(LONG_SLOT * slots, np.uint64),
        np.zeros(long_bytes, np.uint8),
    )
    state = np.zeros(COUNT_STATE, dtype=np.int64)
    state[ARENA] = ARENA_START
    if items:
        data, ends = join_items([piece for piece, _ in items])
        values = np.fromiter((i + 1 for _, i in items), dtype=np.int64, count=len(items))
        kernel("add_words")(padded(data), ends, values, 0, *table, state)
    return table
