"""Probe how the library `tokenizers` classifies each character, and write `tokit/kernels/classes.npy` and `pairs.npy`.

The kernels pre-tokenize as the library does, so the table comes from the library itself: Python's `unicodedata` is of
another Unicode version, and the parts of the library do not agree with each other either. Nothing here depends on the
version of Python. When `tests/kernels/test_classes.py` fails, the library's tables have changed: look at what changed,
then run

    python -m tests.support.probe_classes

and commit the files with the change. It is one uint32 array: 0x1100 page numbers, then pages of 256 entries, every
distinct page once. The properties of a code point are `table[0x1100 + table[cp >> 8] * 256 + (cp & 255)]`, an or of the
values of `Bit`, and in the highest six bits the rank of a mark: marks of lower rank stand before those of a higher one.
Surrogates have none. `pairs.npy` beside it holds the pairs that compose, first << 21 | second, sorted, as uint64.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import IntFlag
from functools import cache, cmp_to_key
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from tokenizers import Regex, normalizers, pre_tokenizers
from tokenizers.normalizers import Normalizer
from tokenizers.pre_tokenizers import PreTokenizer

CLASSES = Path(__file__).parents[2] / "tokit" / "kernels" / "classes.npy"
PAIRS = CLASSES.with_name("pairs.npy")
LIMIT = 0x110000
SURROGATES = range(0xD800, 0xE000)
PAGES = LIMIT >> 8
CHARACTERS = tuple(chr(point) for point in range(LIMIT) if point not in SURROGATES)
BATCH = 4096
# Combining class 240, the highest, and the only character that has it: any mark after it moves before it.
LAST_MARK = "\u0345"
# A vowel or a final of Hangul composes with whatever syllable it may: it is not in a list of pairs.
JAMO = tuple(map(chr, [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]))
SYLLABLES = range(0xAC00, 0xD7A4)
RANK_SHIFT, PAIR_SHIFT = 26, 21

Mask: TypeAlias = NDArray[np.bool_]
Table: TypeAlias = NDArray[np.uint32]


class Bit(IntFlag):
    """The properties of a character, as bits of its entry."""

    LETTER = 1  # \p{L} of the library's Oniguruma
    NUMBER = 2  # \p{N}, Oniguruma
    SPACE = 4  # \s, Oniguruma
    UPPER = 8  # [\p{Lu}\p{Lt}], Oniguruma
    LOWER = 16  # \p{Ll}, Oniguruma
    MARK = 32  # \p{M}, Oniguruma
    WORD = 64  # \w of Whitespace
    BLANK = 128  # what WhitespaceSplit removes
    BERT_PUNCTUATION = 256  # what BertPreTokenizer isolates
    PUNCTUATION = 512  # what Punctuation isolates
    NFC = 1024  # inert: a text of only such characters is left as it is by NFC; so with the rest
    NFD = 2048
    NFKC = 4096
    NFKD = 8192
    LOWERCASE = 16384
    STRIP_ACCENTS = 32768  # inert under NFD, then StripAccents
    CLEAN_TEXT = 1 << 16  # inert under this part of BertNormalizer; so with the next two
    CHINESE_CHARS = 1 << 17
    BERT_ACCENTS = 1 << 18
    NFC_ALONE = 1 << 19  # not inert, but NFC only changes it among marks out of order, or composes it; so with the rest
    NFD_ALONE = 1 << 20
    NFKC_ALONE = 1 << 21
    NFKD_ALONE = 1 << 22
    COMPOSES = 1 << 23  # with some characters before it: those in `pairs`


PATTERNS = {
    Bit.LETTER: r"\p{L}",
    Bit.NUMBER: r"\p{N}",
    Bit.SPACE: r"\s",
    Bit.UPPER: r"[\p{Lu}\p{Lt}]",
    Bit.LOWER: r"\p{Ll}",
    Bit.MARK: r"\p{M}",
}
NORMALIZERS: dict[Bit, Normalizer] = {
    Bit.NFC: normalizers.NFC(),
    Bit.NFD: normalizers.NFD(),
    Bit.NFKC: normalizers.NFKC(),
    Bit.NFKD: normalizers.NFKD(),
    Bit.LOWERCASE: normalizers.Lowercase(),
    Bit.STRIP_ACCENTS: normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents()]),
    Bit.CLEAN_TEXT: normalizers.BertNormalizer(True, False, False, False),
    Bit.CHINESE_CHARS: normalizers.BertNormalizer(False, True, False, False),
    Bit.BERT_ACCENTS: normalizers.BertNormalizer(False, False, True, False),
}
FORMS = {Bit.NFC: Bit.NFC_ALONE, Bit.NFD: Bit.NFD_ALONE, Bit.NFKC: Bit.NFKC_ALONE, Bit.NFKD: Bit.NFKD_ALONE}


def batches() -> Iterator[tuple[str, ...]]:
    """All characters in their order; offsets in a long text would cost too much."""
    for start in range(0, len(CHARACTERS), BATCH):
        yield CHARACTERS[start : start + BATCH]


def by_code_point(flags: Iterable[bool]) -> Mask:
    """One flag a character, laid out by code point; surrogates are False."""
    mask = np.fromiter(flags, np.bool_, len(CHARACTERS))
    return np.insert(mask, SURROGATES.start, np.zeros(len(SURROGATES), np.bool_))


def mask_of(characters: Iterable[str]) -> Mask:
    mask = np.zeros(LIMIT, np.bool_)
    mask[[ord(character) for character in characters]] = True
    return mask


@cache
def matched(pattern: str) -> Mask:
    """The characters that a pattern for one character matches in Split."""
    split = pre_tokenizers.Split(Regex(pattern), "removed")
    kept = mask_of(
        character
        for batch in batches()
        for piece, _offsets in split.pre_tokenize_str("".join(batch))
        for character in piece
    )
    return by_code_point([True] * len(CHARACTERS)) & ~kept


def between_letters(pre_tokenizer: PreTokenizer) -> tuple[Mask, Mask]:
    """Put every character between two letters; return which are removed, and which are isolated.

    A piece starts after each of them, and at the isolated ones. The others stay in one piece with the letters.
    """
    before: list[bool] = []
    after: list[bool] = []
    for batch in batches():
        pieces = pre_tokenizer.pre_tokenize_str("".join(f"a{character}" for character in batch) + "a")
        starts = np.zeros(2 * len(batch) + 1, np.bool_)
        starts[[start for _piece, (start, _end) in pieces]] = True
        before += starts[1::2].tolist()
        after += starts[2::2].tolist()
    cut_before, cut_after = by_code_point(before), by_code_point(after)
    return cut_after & ~cut_before, cut_after & cut_before


def normalized_batch(normalizer: Normalizer, texts: Sequence[str]) -> list[str]:
    """What a normalizer makes of every text on its own.

    Line feeds part the texts: nothing composes with one or moves past it. A batch that has its own goes text by text,
    and so does every batch where a line feed becomes a space.
    """
    together = normalizer.normalize_str("\n".join(texts)).split("\n")
    return together if len(together) == len(texts) else [normalizer.normalize_str(text) for text in texts]


@cache
def unchanged(normalizer: Normalizer) -> Mask:
    """The characters that a normalizer leaves alone when they are alone."""
    return by_code_point(
        after == before
        for batch in batches()
        for before, after in zip(batch, normalized_batch(normalizer, batch), strict=True)
    )


@cache
def settled() -> Mask:
    """The characters that neither the library's normalizers nor later versions of them would move.

    Their tables are of an old Unicode version, and leave alone the marks that came later: those are not known. Nor is
    Kirat Rai, whose vowels are letters and compose since Unicode 16; nor are the unassigned.
    """
    return known() & ~(reordered(NORMALIZERS[Bit.NFD]) | reordered(NORMALIZERS[Bit.NFKD]))


@cache
def known() -> Mask:
    """The characters that the tables of the library's normalizers have, Kirat Rai left out."""
    unknown_marks = matched(PATTERNS[Bit.MARK]) & unchanged(normalizers.StripAccents())
    return matched(r"[^\p{Cn}\p{Kirat_Rai}]") & ~unknown_marks


@cache
def reordered(normalizer: Normalizer) -> Mask:
    """The characters with a combining class: they move before `LAST_MARK`, and nothing else does."""
    texts = (normalized_batch(normalizer, [LAST_MARK + character for character in batch]) for batch in batches())
    return by_code_point(not after.startswith(LAST_MARK) for batch in texts for after in batch) | mask_of(LAST_MARK)


@cache
def composed_second() -> Mask:
    """The characters that compose with one before them, vowels and finals of Hangul among them.

    They are all but the first of what NFC keeps and NFD takes apart.
    """
    nfc, nfd = NORMALIZERS[Bit.NFC], NORMALIZERS[Bit.NFD]
    composed = [chr(point) for point in np.flatnonzero(unchanged(nfc) & ~unchanged(nfd)).tolist()]
    return mask_of(part for parts in normalized_batch(nfd, composed) for part in parts[1:])


def mark_ranks() -> dict[str, int]:
    """The marks that move, by the rank of their combining class; those that are taken apart have none."""
    nfd = NORMALIZERS[Bit.NFD]
    moved = reordered(nfd) & unchanged(nfd) & known()

    def order(one: str, other: str) -> int:
        if nfd.normalize_str(other + one) == one + other:
            return -1
        return 1 if nfd.normalize_str(one + other) == other + one else 0

    ranks: dict[str, int] = {}
    before = ""
    for mark in sorted(map(chr, np.flatnonzero(moved).tolist()), key=cmp_to_key(order)):
        ranks[mark] = ranks[before] + (order(before, mark) != 0) if before else 1
        before = mark
    return ranks


def probe_marks() -> tuple[dict[Bit, Mask], Table]:
    """What is not inert, but can stand in a text that a normalizer leaves alone; and the ranks, shifted."""
    ranks, second = mark_ranks(), composed_second()
    ranked = mask_of(ranks)
    places = (ranked | (second & unchanged(NORMALIZERS[Bit.NFD]) & settled())) & ~mask_of(JAMO)
    masks = {alone: places & unchanged(NORMALIZERS[form]) for form, alone in FORMS.items()}
    shifted = np.zeros(LIMIT, np.uint32)
    shifted[[ord(mark) for mark in ranks]] = list(ranks.values())
    return masks | {Bit.COMPOSES: places & second}, shifted << RANK_SHIFT


def probe_pairs() -> NDArray[np.uint64]:
    """The pairs that NFC puts together: every composed character, less any one of its parts, and that part."""
    nfc, nfd = NORMALIZERS[Bit.NFC], NORMALIZERS[Bit.NFD]
    composed = [chr(point) for point in np.flatnonzero(unchanged(nfc) & ~unchanged(nfd)).tolist()]
    pairs = set()
    for character in composed:
        parts = nfd.normalize_str(character)
        for k in range(1, len(parts)):
            first = nfc.normalize_str(parts[:k] + parts[k + 1 :])
            if len(first) == 1 and ord(character) not in SYLLABLES and nfc.normalize_str(first + parts[k]) == character:
                pairs.add(ord(first) << PAIR_SHIFT | ord(parts[k]))
    return np.array(sorted(pairs), dtype=np.uint64)


def probe_patterns() -> dict[Bit, Mask]:
    return {bit: matched(pattern) for bit, pattern in PATTERNS.items()}


def probe_pre_tokenizers() -> dict[Bit, Mask]:
    """Whitespace and WhitespaceSplit remove white space; the first also parts words from what is neither."""
    removed, isolated = between_letters(pre_tokenizers.Whitespace())
    return {
        Bit.WORD: by_code_point([True] * len(CHARACTERS)) & ~removed & ~isolated,
        Bit.BLANK: between_letters(pre_tokenizers.WhitespaceSplit())[0],
        Bit.BERT_PUNCTUATION: between_letters(pre_tokenizers.BertPreTokenizer())[1],
        Bit.PUNCTUATION: between_letters(pre_tokenizers.Punctuation("isolated"))[1],
    }


def probe_normalizers() -> dict[Bit, Mask]:
    """Inert is more than unchanged when alone: no neighbor may move or compose it, nor may it move one."""
    inert = {bit: unchanged(normalizer).copy() for bit, normalizer in NORMALIZERS.items()}
    steady, second = settled(), composed_second()
    for bit in (Bit.NFC, Bit.NFD, Bit.NFKC, Bit.NFKD):
        inert[bit] &= steady
    for bit in (Bit.NFC, Bit.NFKC):
        inert[bit] &= ~second
    for bit in (Bit.STRIP_ACCENTS, Bit.BERT_ACCENTS):
        inert[bit] &= inert[Bit.NFD]
    return inert


def probe() -> Table:
    """The properties of every code point, as the library has them; shape (0x110000,)."""
    marks, properties = probe_marks()
    for bit, mask in (probe_patterns() | probe_pre_tokenizers() | probe_normalizers() | marks).items():
        properties[mask] |= bit.value
    return properties


def pack(properties: Table) -> Table:
    """Page numbers, then every distinct page once."""
    pages, numbers = np.unique(properties.reshape(PAGES, 256), axis=0, return_inverse=True)
    return np.concatenate([numbers.reshape(-1).astype(np.uint32), pages.reshape(-1)])


def unpack(table: Table) -> Table:
    """The properties of every code point, as a kernel reads them; shape (0x110000,)."""
    points = np.arange(LIMIT)
    properties: Table = table[PAGES + table[points >> 8].astype(np.int64) * 256 + (points & 255)]
    return properties


if __name__ == "__main__":
    np.save(CLASSES, pack(probe()))
    np.save(PAIRS, probe_pairs())
