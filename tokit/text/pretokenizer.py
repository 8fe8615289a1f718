"""Pre-tokenizers that the kernels support, and the tables that they need.

The classes of characters are those of the library, probed and kept in `kernels/classes.npy`
(`tests/support/probe_classes.py` writes it and documents the bits).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import ByteArray
from tokit.kernels.layout import (
    BLANK,
    CL100K,
    COUNT_BATCH,
    DIGIT,
    GPT2,
    LETTER,
    LLAMA3,
    LOWER,
    MARGIN,
    MARKS,
    NUMBER,
    O200K,
    ODD,
    QWEN2,
    RETURN,
    RUNS,
    SPACE,
    SYMBOL,
    UPPER,
)
from tokit.text.pipeline import METASPACE, TextPipeline

STYLES = {
    "gpt2": GPT2, "cl100k": CL100K, "llama3": LLAMA3, "qwen2": QWEN2, "o200k": O200K, "whitespace": RUNS,
    "whitespace-split": RUNS, "bert": RUNS, "metaspace": RUNS, "punctuation": MARKS,
}  # fmt: skip
GROUPS = {"keep": 0, "single": 1, "triple": 3}
CODE_POINTS = 0x110000
PAGE = 256
# Bits of the probed table.
P_LETTER, P_NUMBER, P_SPACE, P_UPPER, P_LOWER, P_MARK = 1, 2, 4, 8, 16, 32
P_WORD, P_GAP, P_BERT_PUNCTUATION, P_PUNCTUATION = 64, 128, 256, 512
INERT = {
    "nfc": 1 << 10, "nfd": 1 << 11, "nfkc": 1 << 12, "nfkd": 1 << 13, "lowercase": 1 << 14, "strip-accents": 1 << 15,
    "clean-text": 1 << 16, "chinese-chars": 1 << 17, "bert-accents": 1 << 18,
}  # fmt: skip
P_NFC_ALONE, P_NFD_ALONE, P_NFKC_ALONE, P_NFKD_ALONE, P_COMPOSES = 1 << 19, 1 << 20, 1 << 21, 1 << 22, 1 << 23
RANK_SHIFT = 26


@dataclass(frozen=True, slots=True)
class KernelPreTokenizer:
    """Tables by which the kernels pre-tokenize; see `kernels/pretokenize/`.

    Attributes:
        style: The pattern; it says what the classes mean.
        group: Digits are split off first, in groups of up to `group`; 0 leaves them to the pattern.
        pages: Where the page of each 256 code points starts in `values`; int32, shape (0x1100,).
        values: Class of each character; uint8.
        metaspace: The library replaces every space by U+2581. The kernels take either as the start of a pre-token, so
            that can be done to the text before or to the pre-tokens after.
    """

    style: int
    group: int
    pages: npt.NDArray[np.int32]
    values: ByteArray
    metaspace: bool = False

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The tables in the order of the kernels' parameters."""
        return self.pages, self.values, self.style, self.group, _steps()


def kernel_pretokenizer_for(pipeline: TextPipeline) -> KernelPreTokenizer | None:
    """The kernels' tables for the pre-tokenizer of a pipeline, or None when only the library has it."""
    if pipeline.pre_tokenizer not in STYLES:
        return None
    pages, values = _classes(pipeline.pre_tokenizer)
    metaspace = pipeline.pre_tokenizer == "metaspace"
    return KernelPreTokenizer(STYLES[pipeline.pre_tokenizer], GROUPS[pipeline.digits], pages, values, metaspace)


@cache
def _steps() -> npt.NDArray[np.int32]:
    """For each byte the positions of its one bits, lowest first, padded to eight, and their number; flat."""
    rows = np.zeros((256, 9), dtype=np.int32)
    for byte in range(256):
        ones = [place for place in range(8) if byte >> place & 1]
        rows[byte, : len(ones)] = ones
        rows[byte, 8] = len(ones)
    return rows.reshape(-1)


@cache
def properties() -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint32]]:
    """The probed table: start of the page of each 256 code points, and the bits of each character."""
    table = np.load(Path(__file__).parents[1] / "kernels" / "classes.npy", allow_pickle=False)
    pages = table[: CODE_POINTS // PAGE].astype(np.int32) * PAGE
    bits = table[CODE_POINTS // PAGE :]
    # ASCII is looked up without its page, so that has to be the first.
    bits = np.concatenate([bits[pages[0] : pages[0] + PAGE], bits])
    pages += PAGE
    pages[0] = 0
    return pages, bits


@cache
def _classes(name: str) -> tuple[npt.NDArray[np.int32], ByteArray]:
    pages, bits = properties()
    makers = {"o200k": _case_classes, "whitespace": _word_classes, "whitespace-split": _gap_classes,
              "bert": _bert_classes, "punctuation": _punctuation_classes}  # fmt: skip
    maker = makers.get(name)
    if name == "metaspace":
        return _metaspace_classes(bits, pages)
    values = maker(bits) if maker else _pattern_classes(bits, wide_symbols=name != "gpt2")
    if name != "o200k":
        wide = np.ones(len(values), dtype=np.bool_)
        wide[:128] = False
        values[wide & (values & SPACE != 0)] |= ODD if STYLES[name] != RUNS else 0
    return pages, values


def _has(bits: npt.NDArray[np.uint32], bit: int) -> npt.NDArray[np.uint8]:
    return np.asarray((bits & bit) != 0, dtype=np.uint8)


def _base_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    letter, number, space = (_has(bits, bit) for bit in (P_LETTER, P_NUMBER, P_SPACE))
    symbol = 1 - np.maximum(np.maximum(letter, number), space)
    values = letter * LETTER | number * NUMBER | space * SPACE | symbol * SYMBOL
    values[ord(" ")] |= BLANK
    values[ord("\r")] |= RETURN
    values[ord("\n")] |= RETURN
    return np.asarray(values, dtype=np.uint8)


def _pattern_classes(bits: npt.NDArray[np.uint32], *, wide_symbols: bool) -> ByteArray:
    values = _base_classes(bits)
    values[ord("'")] |= ODD
    if wide_symbols:
        wide = np.arange(len(values)) >= 128
        values[wide & (values & SYMBOL != 0)] |= ODD
    return values


def _case_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    values = _base_classes(bits)
    upper, lower, mark, letter = (_has(bits, bit) for bit in (P_UPPER, P_LOWER, P_MARK, P_LETTER))
    both = np.maximum(mark, letter & (1 - np.maximum(upper, lower)))
    return np.asarray(values | np.maximum(upper, both) * UPPER | np.maximum(lower, both) * LOWER, dtype=np.uint8)


def _run_classes(word: npt.NDArray[np.uint8], gap: npt.NDArray[np.uint8], bits: npt.NDArray[np.uint32]) -> ByteArray:
    symbol = 1 - np.maximum(word, gap)
    return np.asarray(word * LETTER | gap * SPACE | symbol * SYMBOL | _has(bits, P_NUMBER) * DIGIT, dtype=np.uint8)


def _word_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    gap = _has(bits, P_GAP)
    return _run_classes(_has(bits, P_WORD) & (1 - gap), gap, bits)


def _gap_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    gap = _has(bits, P_GAP)
    return _run_classes(1 - gap, gap, bits)


def _bert_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    gap, punctuation = _has(bits, P_GAP), _has(bits, P_BERT_PUNCTUATION)
    values = _run_classes((1 - gap) & (1 - punctuation), gap, bits)
    # Isolated, and no run of symbols.
    return np.asarray(values & ~np.uint8(SYMBOL) | punctuation * NUMBER, dtype=np.uint8)


def _punctuation_classes(bits: npt.NDArray[np.uint32]) -> ByteArray:
    isolated = _has(bits, P_PUNCTUATION)
    # White space belongs to words here.
    return np.asarray((1 - isolated) * LETTER | isolated * NUMBER | _has(bits, P_NUMBER) * DIGIT, dtype=np.uint8)


def _metaspace_classes(
    bits: npt.NDArray[np.uint32], pages: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], ByteArray]:
    values = np.asarray(LETTER | _has(bits, P_NUMBER) * DIGIT, dtype=np.uint8)
    values[ord(" ")] |= BLANK
    # Pages may be shared, so the page of the sign is copied.
    page, place = divmod(ord(METASPACE), PAGE)
    own = values[pages[page] : pages[page] + PAGE].copy()
    own[place] |= BLANK
    pages = pages.copy()
    pages[page] = len(values)
    return pages, np.concatenate([values, own])


@dataclass(slots=True)
class Scratch:
    """Working arrays of a kernel; one set a thread, as long as its longest block so far."""

    text: ByteArray
    classes: ByteArray
    marks: ByteArray
    starts: npt.NDArray[np.int32]
    keys: npt.NDArray[np.uint64]
    long_words: npt.NDArray[np.int32]

    @classmethod
    def of(cls, size: int) -> Scratch:
        """Allocate for blocks of up to `size` bytes. Untouched pages take no memory."""
        size += MARGIN
        return cls(
            np.empty(size, dtype=np.uint8),
            np.empty(size, dtype=np.uint8),
            np.zeros(size, dtype=np.uint8),
            np.empty(size, dtype=np.int32),
            np.empty(COUNT_BATCH, dtype=np.uint64),
            np.empty(COUNT_BATCH, dtype=np.int32),
        )

    def fits(self, size: int) -> bool:
        """True when a block of `size` bytes fits in."""
        return len(self.text) >= size + MARGIN

    @property
    def arguments(self) -> tuple[Any, ...]:
        """The tables in the order of the kernels' parameters."""
        return self.text, self.classes, self.marks, self.starts, self.keys, self.long_words


def padded(data: ByteArray) -> ByteArray:
    """A copy with room at the end, for kernels that read eight bytes at once."""
    return np.concatenate([data, np.zeros(MARGIN, dtype=np.uint8)])
