"""The same ids faster: byte-level BPE, whole words and WordPiece in the kernels; characters and bytes from a table.

What a tokenizer.json asks for is either understood as a whole or not at all. Of a text that the kernels cannot do,
because a normalizer would change it or an added token may stand in it, the library does its part, document by document.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, ByteArray, IdArray, Ids, join_items
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import (
    ARENA,
    ARENA_START,
    BPE,
    CACHED_BYTES,
    COUNT_STATE,
    ENCODE_BATCH,
    ENCODE_STATE,
    LONG_SLOT,
    LONG_WORD,
    MARGIN,
    NEAR_SLOT,
    NEEDED,
    NO_PAIR,
    NO_RANK,
    PIECE_BITS,
    PIECES,
    SHORT_SLOT,
    WORDS,
    WRITTEN,
)
from tokit.text.normalizer import metaspaced
from tokit.text.pretokenizer import KernelPreTokenizer, Scratch, kernel_pretokenizer_for, padded
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.encode.table_encoder import table_encoder
from tokit.tokenizer.pretokenizer_json import Splitting

# Of the cache: slots for words of up to 15 bytes and for others, bytes of those, ids of words that have many.
NEAR_SLOTS, FAR_SLOTS, ARENA_BYTES, RUN_IDS = 1 << 19, 1 << 17, 1 << 22, 1 << 21
WORD_BYTES = 1 << 12
CACHE_LINE = 64
PREFIX = "##"
# A pair and its rank have to fit into 64 bits.
MAX_PIECES, MAX_MERGES = 1 << PIECE_BITS, NO_RANK

Table = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64], ByteArray]


@dataclass(frozen=True, slots=True)
class PreTokenModel:
    """A model as the kernel takes it: see `kernels/encoding.py`."""

    kind: int
    unknown: int = 0
    limit: int = 0
    symbols: IdArray = field(default_factory=lambda: np.zeros(256, dtype=np.uint32))
    pairs: npt.NDArray[np.uint64] = field(default_factory=lambda: np.full(2, NO_PAIR, dtype=np.uint64))
    merged: IdArray = field(default_factory=lambda: np.zeros(1, dtype=np.uint32))
    heads: Table | None = None
    tails: Table | None = None
    # Words that have an id of their own before anything else is looked at.
    whole: dict[bytes, int] = field(default_factory=dict)


class KernelEncoder(Protocol):
    """Encodes blocks of text that needs no normalizing and holds no added token."""

    def encode(self, block: Block) -> Ids:
        """Ids of each document."""
        ...


class PreTokenEncoder:
    """Encodes blocks as a tokenizer.json says; threads may share it, and share what it remembers of words.

    Args:
        pretokenizer: How text is cut.
        model: How pre-tokens become ids.
    """

    def __init__(self, pretokenizer: KernelPreTokenizer, model: PreTokenModel) -> None:
        self._pretokenizer = pretokenizer
        self._model = model
        self._local = threading.local()
        self._cache = _cache(model.whole)

    def encode(self, block: Block) -> Ids:
        """Ids of each document; the text is taken as it is."""
        if self._pretokenizer.metaspace:
            block = metaspaced(block)
        size = len(block.data)
        ends = np.empty(len(block), dtype=np.int64)
        if not size:
            return Ids(np.empty(0, dtype=np.uint32), np.zeros(len(block), dtype=np.int64))
        work = self._workspace(size)
        out = np.empty(size + MARGIN, dtype=np.uint32)
        work.state[:] = 0
        while kernel("encode_block")(
            block.data, block.ends, *self._pretokenizer.arguments, *self._model_arguments, *self._cache,
            *work.scratch.arguments[:4], *work.batch, work.before, *work.word, out, ends, work.state,
        ) == LONG_WORD:  # fmt: skip
            work.make_room(int(work.state[NEEDED]))
        return Ids(out[: int(work.state[WRITTEN])], ends)

    @cached_property
    def _model_arguments(self) -> tuple[Any, ...]:
        model = self._model
        empty = _table(())
        heads, tails = model.heads or empty, model.tails or empty
        return model.kind, model.unknown, model.limit, model.symbols, model.pairs, model.merged, *heads, *tails

    def _workspace(self, size: int) -> EncodingScratch:
        work: EncodingScratch | None = getattr(self._local, "work", None)
        if work is None:
            work = self._local.work = EncodingScratch.of(size)
        if not work.scratch.fits(size):
            work.scratch, work.before = Scratch.of(size), _counters(size)
        return work


@dataclass(slots=True)
class EncodingScratch:
    """What one thread works in: scratch for a block and for a word, and how far it got."""

    scratch: Scratch
    batch: tuple[npt.NDArray[np.uint64], ...]
    before: npt.NDArray[np.int64]
    word: tuple[Any, ...]
    state: npt.NDArray[np.int64]

    @classmethod
    def of(cls, size: int) -> EncodingScratch:
        """For blocks of `size` bytes."""
        batch = tuple(np.empty(ENCODE_BATCH, dtype=np.uint64) for _ in range(3))
        return cls(
            Scratch.of(size), batch, _counters(size), _word_scratch(WORD_BYTES), np.zeros(ENCODE_STATE, dtype=np.int64)
        )

    def make_room(self, size: int) -> None:
        """Scratch for a pre-token of `size` bytes."""
        self.word = _word_scratch(size)


def _cache(whole: dict[bytes, int]) -> tuple[Any, ...]:
    """Room for words and their ids, some of which are there already."""
    near_slots, far_slots = (max(slots, _power_of_two(4 * len(whole))) for slots in (NEAR_SLOTS, FAR_SLOTS))
    arena = ARENA_BYTES + sum(map(len, whole))
    fill = np.zeros(4, dtype=np.int64)
    fill[CACHED_BYTES] = ARENA_START
    cache = (
        _slots(near_slots, NEAR_SLOT), _slots(far_slots, LONG_SLOT),
        np.zeros(arena, dtype=np.uint8), np.empty(RUN_IDS, dtype=np.uint32), fill,
    )  # fmt: skip
    if whole:
        data, ends = join_items(whole)
        ids = np.fromiter(whole.values(), dtype=np.uint32, count=len(whole))
        kernel("seed_words")(padded(data), ends, ids, *cache)
    return cache


def _slots(slots: int, size: int) -> npt.NDArray[np.uint64]:
    """Free slots of `size` numbers each, none of which lies in two lines of the processor's cache."""
    numbers = np.zeros(size * slots + CACHE_LINE // 8, dtype=np.uint64)
    first = -numbers.ctypes.data % CACHE_LINE // 8
    return numbers[first : first + size * slots]


def _counters(size: int) -> npt.NDArray[np.int64]:
    return np.empty(size + MARGIN, dtype=np.int64)


def _word_scratch(size: int) -> tuple[Any, ...]:
    before, after = (np.empty(size, dtype=np.int32) for _ in range(2))
    ids, ranks = (np.empty(size + 1, dtype=np.uint32) for _ in range(2))
    return ids, before, after, ranks, np.empty(3 * size + 1, dtype=np.uint64)


def _power_of_two(at_least: int) -> int:
    return 1 << max(4, (at_least - 1).bit_length())


def _table(pieces: Any) -> Table:
    """Tables of pieces (bytes, id) whose values are ids plus one."""
    items = list(pieces)
    slots = _power_of_two(4 * len(items))
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


def encoder_for(model: dict[str, Any], splitting: Splitting) -> KernelEncoder | None:
    """An encoder for the model of a tokenizer.json behind its pre-tokenizer; None if it cannot be."""
    simple = table_encoder(model, splitting)
    pretokenizer = kernel_pretokenizer_for(splitting.pipeline)
    if simple is not None or pretokenizer is None:
        return simple
    makers = {"BPE": _bpe, "WordLevel": _words, "WordPiece": _pieces}
    made = makers[model["type"]](model, splitting.byte_level) if model["type"] in makers else None
    return None if made is None else PreTokenEncoder(pretokenizer, made)


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
    pairs = np.full(_power_of_two(2 * len(ids)), NO_PAIR, dtype=np.uint64)
    kernel("index_pairs")(np.array(lefts, dtype=np.uint32), np.array(rights, dtype=np.uint32), pairs)
    symbols = np.array([vocab[character] for character in alphabet], dtype=np.uint32)
    merged = np.array([*ids, 0], dtype=np.uint32)
    return PreTokenModel(
        BPE, symbols=symbols, pairs=pairs, merged=merged, whole=_spelled(vocab) if model.get("ignore_merges") else {}
    )


def _spelled(vocab: dict[str, int]) -> dict[bytes, int]:
    """The pieces of a byte-level vocabulary as bytes; those that are none, special tokens, are left out."""
    table = {ord(character): byte for byte, character in enumerate(byte_alphabet())}
    spelled = {}
    for piece, i in vocab.items():
        try:
            spelled[piece.translate(table).encode("latin-1")] = i
        except UnicodeEncodeError:
            continue
    # No text is cut into nothing.
    spelled.pop(b"", None)
    return spelled


def _words(model: dict[str, Any], byte_level: bool) -> PreTokenModel | None:
    vocab: dict[str, int] = model["vocab"]
    if byte_level or model["unk_token"] not in vocab:
        return None
    return PreTokenModel(WORDS, unknown=vocab[model["unk_token"]], whole={k.encode(): i for k, i in vocab.items() if k})


def _pieces(model: dict[str, Any], byte_level: bool) -> PreTokenModel | None:
    vocab: dict[str, int] = model["vocab"]
    if byte_level or model["unk_token"] not in vocab or model["continuing_subword_prefix"] != PREFIX:
        return None
    heads = _table((piece.encode(), i) for piece, i in vocab.items() if piece)
    inner = ((piece.removeprefix(PREFIX).encode(), i) for piece, i in vocab.items() if piece.startswith(PREFIX))
    tails = _table((piece, i) for piece, i in inner if piece)
    return PreTokenModel(
        PIECES, vocab[model["unk_token"]], model["max_input_chars_per_word"], heads=heads, tails=tails
    )  # fmt: skip
