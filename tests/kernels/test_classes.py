"""The table of character properties: against the library it was probed from, and what it promises of inert text."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.probe_classes import (
    CHARACTERS,
    CLASSES,
    LIMIT,
    NORMALIZERS,
    PAIRS,
    RANK_SHIFT,
    SURROGATES,
    Bit,
    pack,
    probe,
    probe_pairs,
    unpack,
)

pytestmark = pytest.mark.slow

TABLE = np.load(CLASSES)
PROPERTIES = unpack(TABLE)
CANONICAL = Bit.NFC | Bit.NFD
COMPATIBLE = Bit.NFKC | Bit.NFKD
INERT = CANONICAL | COMPATIBLE | Bit.LOWERCASE | Bit.STRIP_ACCENTS
KINDS = Bit(Bit.NFC.value - 1)
PUNCTUATION = Bit.PUNCTUATION | Bit.BERT_PUNCTUATION


def properties_of(character: str) -> Bit:
    return Bit(int(PROPERTIES[ord(character)]) & ((1 << RANK_SHIFT) - 1))


def inert_characters(bit: Bit) -> list[str]:
    return [chr(point) for point in np.flatnonzero(PROPERTIES & bit.value).tolist()]


def test_table_equals_the_library() -> None:
    """When this fails, the library has changed: see tests/support/probe_classes.py."""
    now = probe()
    changed = np.flatnonzero(now != PROPERTIES)
    report = [f"U+{point:04X}: {PROPERTIES[point]:032b} became {now[point]:032b}" for point in changed[:20].tolist()]
    assert not report, f"{len(changed)} characters changed, among them {report}"
    assert np.array_equal(TABLE, pack(now))
    assert np.array_equal(np.load(PAIRS), probe_pairs())


def test_layout_of_the_table() -> None:
    numbers, pages = TABLE[: LIMIT >> 8], TABLE[LIMIT >> 8 :].reshape(-1, 256)
    assert TABLE.dtype == np.uint32
    assert TABLE.ndim == 1
    assert set(numbers.tolist()) == set(range(len(pages)))
    assert len(np.unique(pages, axis=0)) == len(pages)
    assert not PROPERTIES[SURROGATES.start : SURROGATES.stop].any()


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        ("a", Bit.LETTER | Bit.LOWER | Bit.WORD),
        ("A", Bit.LETTER | Bit.UPPER | Bit.WORD),
        ("ſ", Bit.LETTER | Bit.LOWER | Bit.WORD),
        ("ǅ", Bit.LETTER | Bit.UPPER | Bit.WORD),  # title case
        ("中", Bit.LETTER | Bit.WORD),
        ("𝒜", Bit.LETTER | Bit.UPPER | Bit.WORD),  # astral
        ("7", Bit.NUMBER | Bit.WORD),
        ("½", Bit.NUMBER),
        ("\u0301", Bit.MARK | Bit.WORD),
        (" ", Bit.SPACE | Bit.BLANK),
        ("\u3000", Bit.SPACE | Bit.BLANK),
        ("\x85", Bit.SPACE | Bit.BLANK),
        ("\x1c", Bit(0)),  # white space to str.isspace() alone
        ("\u200b", Bit(0)),
        ("_", Bit.WORD | PUNCTUATION),
        ("!", PUNCTUATION),
        ("。", PUNCTUATION),
        ("$", PUNCTUATION),  # ASCII symbols are punctuation, others are not
        ("€", Bit(0)),
        ("\U0001f600", Bit(0)),
        ("\U0010ffff", Bit(0)),
    ],
)
def test_kinds_of_known_characters(character: str, kind: Bit) -> None:
    assert properties_of(character) & KINDS == kind


@pytest.mark.parametrize(
    ("character", "inert"),
    [
        ("a", INERT),
        ("A", INERT & ~Bit.LOWERCASE),
        ("é", Bit.NFC | Bit.NFKC | Bit.LOWERCASE),
        ("ﬁ", CANONICAL | Bit.LOWERCASE | Bit.STRIP_ACCENTS),
        ("\u212b", Bit(0)),  # the angstrom sign is another character in every form
        ("\u0301", Bit.LOWERCASE),
        ("가", Bit.NFC | Bit.NFKC | Bit.LOWERCASE),
        ("\u1100", INERT),  # starts a syllable
        ("\u1161", Bit.NFD | Bit.NFKD | Bit.LOWERCASE | Bit.STRIP_ACCENTS),  # ends one
        ("\u11a8", Bit.NFD | Bit.NFKD | Bit.LOWERCASE | Bit.STRIP_ACCENTS),
        ("\u09be", Bit.NFD | Bit.NFKD | Bit.LOWERCASE),  # composes though its class is 0, and is stripped as a mark
        ("Σ", INERT & ~Bit.LOWERCASE),
        ("𝒜", CANONICAL | Bit.LOWERCASE | Bit.STRIP_ACCENTS),
        ("\U0010ffff", Bit.LOWERCASE),  # unassigned
    ],
)
def test_inertness_of_known_characters(character: str, inert: Bit) -> None:
    assert properties_of(character) & INERT == inert


@pytest.mark.parametrize("bit", NORMALIZERS)
def test_all_inert_characters_together_are_left_alone(bit: Bit) -> None:
    characters = inert_characters(bit)
    assert any(character > "\uffff" for character in characters)
    for seed in range(2):
        random.Random(seed).shuffle(characters)
        text = "".join(characters)
        # Compared first: pytest would take minutes to show how such texts differ.
        same = NORMALIZERS[bit].normalize_str(text) == text
        assert same


@pytest.mark.parametrize("bit", NORMALIZERS)
def test_inert_text_is_left_alone(bit: Bit) -> None:
    characters = inert_characters(bit)
    # Few characters of the whole are of interest; those that Unicode takes apart or combines are drawn as often.
    lively = [c for c in characters if unicodedata.decomposition(c) or unicodedata.category(c)[0] == "M"]
    astral = [c for c in characters if c > "\uffff"]
    either = st.sampled_from(characters) | st.sampled_from(lively or characters) | st.sampled_from(astral)

    @settings(max_examples=200)
    @given(st.lists(either).map("".join))
    def check(text: str) -> None:
        assert NORMALIZERS[bit].normalize_str(text) == text

    check()


@pytest.mark.parametrize("bit", [Bit.NFC, Bit.NFD, Bit.NFKC, Bit.NFKD])
def test_inert_characters_have_no_combining_class_for_python_either(bit: Bit) -> None:
    moved = [hex(ord(character)) for character in inert_characters(bit) if unicodedata.combining(character)]
    assert not moved


@pytest.mark.parametrize("bit", [Bit.NFC, Bit.NFKC])
def test_inert_characters_compose_with_none_for_python_either(bit: Bit) -> None:
    composed = (c for c in CHARACTERS if c == unicodedata.normalize("NFC", c) != unicodedata.normalize("NFD", c))
    second = {part for c in composed for part in unicodedata.normalize("NFD", c)[1:]}
    inert = second.intersection(inert_characters(bit))
    assert not inert


def test_ranks_are_the_combining_classes_in_order() -> None:
    ranks = PROPERTIES >> RANK_SHIFT
    classes = {
        (int(ranks[point]), unicodedata.combining(chr(point)))
        for point in np.flatnonzero(ranks).tolist()
        # Python may be of an older Unicode version.
        if unicodedata.category(chr(point)) != "Cn"
    }
    assert len(classes) == len({rank for rank, _ in classes}) == len({combining for _, combining in classes})
    assert sorted(classes) == sorted(classes, key=lambda pair: pair[1])
