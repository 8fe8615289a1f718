"""Tokens that start a word."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt

from tokit.arrays import Pieces

Bools = npt.NDArray[np.bool_]
# How the names of letters begin whose scripts have no space between words.
UNSPACED = (
    "CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "HIRAGANA", "KATAKANA", "HALFWIDTH KATAKANA", "THAI", "LAO",
    "KHMER", "MYANMAR",
)  # fmt: skip
# Vowels of Thai and Lao that are letters to Unicode, and stand behind a consonant as its marks do.
BEHIND = "ะาำๅະາຳ"


def word_starts(pieces: Pieces) -> Bools:
    """Tokens that begin a word: by `##` where a vocabulary has it, else by a space or what is no letter; (vocab,).

    A special token is a word of its own; and so is every token of a vocabulary without spaces, which is one of words.
    Scripts without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) do not say where a word ends: a piece is one.
    """
    # In other vocabularies "##" is a piece like any other.
    continuing = [name == f"##{text}" and text != "" for name, text in zip(pieces.names, pieces.texts, strict=True)]
    if any(continuing):
        unspaced = np.array([_is_unspaced(text[:1]) for text in pieces.texts], dtype=np.bool_)
        begins = ~np.array(continuing, dtype=np.bool_) | unspaced
    elif not any(text.startswith(" ") for text in pieces.texts):
        begins = np.ones(len(pieces), dtype=np.bool_)
    else:
        begins = np.array([not text or _starts(text) for text in pieces.texts], dtype=np.bool_)
    return begins | pieces.special


def _starts(text: str) -> bool:
    first = text[0]
    # Bytes of a character that is split go on with what is before them, and so do vowel signs and accents.
    if first == "\ufffd" or unicodedata.category(first).startswith("M"):
        return False
    return not first.isalnum() or _is_unspaced(first)


def _is_unspaced(letter: str) -> bool:
    """Whether a letter begins a word for lack of spaces."""
    # Marks of length and of repetition are of kind Lm, and go on with what is before them.
    if not letter or letter in BEHIND or unicodedata.category(letter) != "Lo":
        return False
    return unicodedata.name(letter, "").startswith(UNSPACED)
