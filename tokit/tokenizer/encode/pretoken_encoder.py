"""Encode pre-tokens in a kernel, with a cache of the ids of words."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, Ids, join_items
from tokit.kernels.compiled.loader import kernel
from tokit.kernels.layout import (
    ARENA_START,
    CACHED_BYTES,
    ENCODE_BATCH,
    ENCODE_STATE,
    LONG_SLOT,
    LONG_WORD,
    MARGIN,
    NEAR_SLOT,
    NEEDED,
    WRITTEN,
)
from tokit.text.normalizer import metaspaced
from tokit.text.pretokenizer import KernelPreTokenizer, Scratch, padded
from tokit.tokenizer.encode.pretoken_model import PreTokenModel, power_of_two

# Size of the cache: slots for words of up to 15 bytes and for longer ones, bytes of the longer ones, and ids of words
# that have too many for a slot.
NEAR_SLOTS, FAR_SLOTS, ARENA_BYTES, RUN_IDS = 1 << 19, 1 << 17, 1 << 22, 1 << 21
WORD_BYTES = 1 << 12
CACHE_LINE = 64


class PreTokenEncoder:
    """Encodes blocks by splitting them into pre-tokens; threads may share it, and share its cache of words.

    Args:
        pretokenizer: Splits text.
        model: Turns pre-tokens into ids.
    """

    def __init__(self, pretokenizer: KernelPreTokenizer, model: PreTokenModel) -> None:
        self._pretokenizer = pretokenizer
        self._model_arguments = model.arguments
        self._local = threading.local()
        self._cache = _cache(model.whole)

    def encode(self, block: Block) -> Ids:
        """Ids of each document of normalized text."""
        if self._pretokenizer.metaspace:
            block = metaspaced(block)
        size = len(block.data)
        ends = np.empty(len(block), dtype=np.int64)
        if not size:
            return Ids(np.empty(0, dtype=np.uint32), np.zeros(len(block), dtype=np.int64))
        work = self._scratch(size)
        out = np.empty(size + MARGIN, dtype=np.uint32)
        work.state[:] = 0
        while kernel("encode_block")(
            block.data, block.ends, *self._pretokenizer.arguments, *self._model_arguments, *self._cache,
            *work.scratch.arguments[:4], *work.batch, work.before, *work.word, out, ends, work.state,
        ) == LONG_WORD:  # fmt: skip
            work.make_room(int(work.state[NEEDED]))
        return Ids(out[: int(work.state[WRITTEN])], ends)

    def _scratch(self, size: int) -> EncodingScratch:
        work: EncodingScratch | None = getattr(self._local, "work", None)
        if work is None:
            work = self._local.work = EncodingScratch.of(size)
        if not work.scratch.fits(size):
            work.scratch, work.before = Scratch.of(size), _counters(size)
        return work


@dataclass(slots=True)
class EncodingScratch:
    """Scratch of one thread, for a block and for a word, and the state from which the kernel continues."""

    scratch: Scratch
    batch: tuple[npt.NDArray[np.uint64], ...]
    before: npt.NDArray[np.int64]
    word: tuple[Any, ...]
    state: npt.NDArray[np.int64]

    @classmethod
    def of(cls, size: int) -> EncodingScratch:
        """Scratch for blocks of `size` bytes."""
        batch = tuple(np.empty(ENCODE_BATCH, dtype=np.uint64) for _ in range(3))
        return cls(
            Scratch.of(size), batch, _counters(size), _word_scratch(WORD_BYTES), np.zeros(ENCODE_STATE, dtype=np.int64)
        )

    def make_room(self, size: int) -> None:
        """Make room for a pre-token of `size` bytes."""
        self.word = _word_scratch(size)


def _cache(whole: dict[bytes, int]) -> tuple[Any, ...]:
    """A cache of words and their ids that holds `whole` from the start."""
    near_slots, far_slots = (max(slots, power_of_two(4 * len(whole))) for slots in (NEAR_SLOTS, FAR_SLOTS))
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
    """Free slots of `size` numbers each, aligned so that none crosses a cache line of the processor."""
    numbers = np.zeros(size * slots + CACHE_LINE // 8, dtype=np.uint64)
    first = -numbers.ctypes.data % CACHE_LINE // 8
    return numbers[first : first + size * slots]


def _counters(size: int) -> npt.NDArray[np.int64]:
    return np.empty(size + MARGIN, dtype=np.int64)


def _word_scratch(size: int) -> tuple[Any, ...]:
    before, after = (np.empty(size, dtype=np.int32) for _ in range(2))
    ids, ranks = (np.empty(size + 1, dtype=np.uint32) for _ in range(2))
    return ids, before, after, ranks, np.empty(3 * size + 1, dtype=np.uint64)
