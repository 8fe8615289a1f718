"""Block normalizer: the results of the library, which gets only documents that it may change."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import normalizers
from tokenizers.normalizers import Normalizer

from tests.support.engines import engine
from tests.support.probe_classes import CHARACTERS, CLASSES, FORMS, PAIRS, Bit, unpack
from tokit.arrays import Block
from tokit.text.normalizer import BlockNormalizer
from tokit.tokenizer.encode.recognize import recognize_normalizer

pytestmark = pytest.mark.slow

PROPERTIES = unpack(np.load(CLASSES))
# What may or may not change, side by side: marks, what composes with them, what is taken apart, and all the rest.
MARKS = [chr(point) for point in np.flatnonzero(PROPERTIES & sum(FORMS.values())).tolist()]
FIRSTS = sorted({chr(int(pair) >> 21) for pair in np.load(PAIRS)})
SECONDS = [chr(point) for point in np.flatnonzero(PROPERTIES & Bit.COMPOSES.value).tolist()]
COMMON = [
    *"aeosAO .1<", "é", "ệ", "क", "ड", "\u095c", "ि", "\u093c", "ก", "ี", "่", "ุ", "ب", "\u0651", "\u064e", "\u0653",
    "ا", "か", "\u3099", "한", "가", "\u1100", "\u1161", "\u11a8", "\u09cb", "\u09c7", "\u09be", "ﬁ", "²", "\u212b",
    "İ", "Σ", "\u0345", "\u0301", "\u0323", "\u0327", "\u0344", "中", "\u00a0", "\t", "\u200b", "\ufffd", "\x00", "Ǆ",
    "\u1ab0", "\u0f71", "\u0f72", "\u0f73", "\U0001d15e", "\U00011131", "\U00011127", "\ufe70",
]  # fmt: skip
LIVELY = st.lists(
    st.one_of(*(st.sampled_from(each) for each in (MARKS, FIRSTS, SECONDS, COMMON, COMMON, MARKS, CHARACTERS))),
    max_size=10,
).map("".join)
NORMALIZERS: dict[str, Normalizer] = {
    "nfc": normalizers.NFC(),
    "nfd": normalizers.NFD(),
    "nfkc": normalizers.NFKC(),
    "nfkd": normalizers.NFKD(),
    "nfc, nfkd": normalizers.Sequence([normalizers.NFC(), normalizers.NFKD()]),
    "nfkc, lowercase": normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]),
    "lowercase, nfc": normalizers.Sequence([normalizers.Lowercase(), normalizers.NFC()]),
    "strip-accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
    "bert": normalizers.BertNormalizer(),
    "bert, cased": normalizers.BertNormalizer(lowercase=False),
    "bert with accents": normalizers.BertNormalizer(clean_text=False, strip_accents=False),
    "bert, cased without accents": normalizers.BertNormalizer(True, False, True, False),
    "bert that does nothing": normalizers.BertNormalizer(False, False, False, False),
}


def block_normalizer(name: str) -> BlockNormalizer:
    holder = tokenizers.Tokenizer(tokenizers.models.BPE())
    holder.normalizer = NORMALIZERS[name]
    return BlockNormalizer(NORMALIZERS[name], recognize_normalizer(json.loads(holder.to_str())["normalizer"]))


@pytest.mark.parametrize("name", NORMALIZERS)
@settings(max_examples=400)
@given(texts=st.lists(LIVELY, min_size=1, max_size=6))
def test_blocks_are_normalized_as_the_library_does(name: str, texts: list[str]) -> None:
    expected = [NORMALIZERS[name].normalize_str(text) for text in texts]
    with engine("kernels"):
        found = block_normalizer(name)(Block.of(text.encode("utf-8") for text in texts))
    assert found.texts() == expected


@pytest.mark.parametrize("mark", SECONDS)
def test_every_pair_of_composing_characters(mark: str) -> None:
    texts = [first + between + mark for first in FIRSTS for between in ("", "\u0316", "\u0301", "\u093c")]
    expected = [NORMALIZERS["nfc"].normalize_str(text) for text in texts]
    assert block_normalizer("nfc")(Block.of(text.encode("utf-8") for text in texts)).texts() == expected


@pytest.mark.parametrize(
    ("name", "text", "changes"),
    [
        ("nfc", "हिन्दी में ब\u0921\u093cा", False),  # nukta behind a letter that it does not compose with
        ("nfc", "हिन्दी में ब\u095cा", True),  # a letter that NFC takes apart for good
        ("nfc", "\u0928\u093c", True),
        ("nfc", "ที่ กรุงเทพฯ ไทย ปู่", False),
        ("nfc", "العربيّة مَدرسة", False),
        ("nfc", "\u0628\u0651\u064e", True),  # shadda before the vowel is out of order
        ("nfc", "\u0628\u064e\u0651", False),
        ("nfc", "e\u0301", True),
        ("nfc", "x\u0301", False),
        ("nfc", "é\u0323", True),
        ("nfc", "가\u11a8", True),
        ("nfd", "e\u0301 x\u0323\u0301", False),
        ("nfd", "x\u0301\u0323", True),
        ("nfkc", "ไทยปู่", False),
        ("bert", "plain english, “quoted” – and so on…", False),
        ("bert", "é", True),
        ("bert", "中", True),
        ("bert", "a\tb", True),
        ("bert, cased", "Plain É", False),
        ("bert that does nothing", "a", True),  # what no step tells is not known
    ],
)
def test_only_changing_documents_reach_the_library(name: str, text: str, changes: bool) -> None:
    found = block_normalizer(name)._may_change(Block.of([text.encode("utf-8")]))
    assert found.tolist() == [changes]
