"""Tokens that start a word, for masking whole words."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt

from tokit.arrays import REPLACEMENT, Pieces

Bools = npt.NDArray[np.bool_]
# Prefixes of the Unicode names of letters whose scripts have no space between words.
UNSPACED = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO",
    "KHMER", "MYANMAR",
)  # fmt: skip
# Vowels of Thai and Lao that Unicode calls letters, though they follow a consonant as its marks do.
BEHIND = "ะาำๅະາຳ"


def word_starts(pieces: Pieces) -> Bools:
    """True for tokens that start a word, shape (vocab,).

    In a vocabulary with `##` a token without it starts a word; in others one that starts with a space or with a
    character that is not a letter or digit. A special token is a word, and so is every token of a vocabulary without
    spaces, which is one of words. Scripts without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) do not mark the end of
    a word: there each piece counts as one.
    """
    # In other vocabularies "##" is a piece like any other.
    continuing = [name == f"##{text}" and text != "" for name, text in zip(pieces.names, pieces.texts, strict=True)]
    if any(continuing):
        unspaced = np.array([_is_unspaced(text[:1]) for text in pieces.texts], dtype=np.bool_)
        starts = ~np.array(continuing, dtype=np.bool_) | unspaced
    elif not any(text.startswith(" ") for text in pieces.texts):
        starts = np.ones(len(pieces), dtype=np.bool_)
    else:
        starts = np.array([not text or _starts(text) for text in pieces.texts], dtype=np.bool_)
    return starts | pieces.special


def _starts(text: str) -> bool:
    first = text[0]
    # Bytes of a split character continue the word before them, and so do vowel signs and accents.
    if first == REPLACEMENT or unicodedata.category(first).startswith("M"):
        return False
    return not first.isalnum() or _is_unspaced(first)


def _is_unspaced(letter: str) -> bool:
    """True if a letter starts a word because its script has no spaces."""
    # Marks of length and of repetition (category Lm) continue the word before them.
    if not letter or letter in BEHIND or unicodedata.category(letter) != "Lo":
        return False
    return unicodedata.name(letter, "").startswith(UNSPACED)
