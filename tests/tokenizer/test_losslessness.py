"""What is called lossless gives every text back, and what is called lossy has a text that shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tests.support.tokenizer_files import NATURAL
from tokit.text.pipeline import PATTERNS
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_tokens import BYTE_TOKENS

BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
BYTES = {"type": "BPE", "vocab": {sign: i for i, sign in enumerate(byte_alphabet())}, "merges": []}
FALLBACK = {
    "type": "BPE",
    "vocab": {token: i for i, token in enumerate([*BYTE_TOKENS, "▁", "a"])},
    "merges": [],
    "byte_fallback": True,
}
FUSED = {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]}
LLAMA = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    },
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
}
BERT = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
UNIGRAM = {
    "type": "Unigram",
    "unk_id": 0,
    "byte_fallback": True,
    "vocab": [["<unk>", 0.0], *([token, -9.0] for token in BYTE_TOKENS)],
}


def split(pattern: str, behavior: str, *, invert: bool = False, kind: str = "Regex") -> dict[str, Any]:
    """Pre-tokenizers: a Split, and the byte alphabet."""
    step = {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}
    return {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [step, BYTE_LEVEL]}}


def added(content: str, **settings_: bool) -> dict[str, Any]:
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    return {"added_tokens": [{"id": 256, "content": content, **flags, **settings_}]}


LOSSLESS: dict[str, dict[str, Any]] = {
    "GPT-4o's split": split(PATTERNS["o200k"], "Removed", invert=True),
    "GPT-2's matches": split(PATTERNS["gpt2"], "Removed", invert=True),
    "letters and all else": split(r"\p{L}+|\p{N}|[^\s\p{L}\p{N}]+|\s+", "Removed", invert=True),
    "merged with the previous": split(" ", "MergedWithPrevious", kind="String"),
    "merged with the next": split("e", "MergedWithNext", kind="String"),
    "contiguous": split(r"\s", "Contiguous", invert=True),
    "isolated": split("x", "Isolated", kind="String"),
    "a normalizer without effect": {"normalizer": {"type": "BertNormalizer", **BERT}},
    "nothing to strip": {"normalizer": {"type": "Strip", "strip_left": False, "strip_right": False}},
    "special tokens that strip": added("<x>", lstrip=True, rstrip=True, special=True),
    "an added token": added("ab c"),
    "byte fallback": {"model": FALLBACK, "pre_tokenizer": None, "decoder": FUSED},
}
# Form → its parts, and a text that does not come back.
LOSSY: dict[str, tuple[dict[str, Any], str]] = {
    "removed": (split(" ", "Removed", kind="String"), "a b"),
    "matches of a pattern that is not of all text": (split(r"\p{L}+|\s+", "Removed", invert=True), "a1b"),
    "a pattern that matches nothing of a space": (split(r"\S+", "Removed", invert=True), "a b"),
    "removed and not inverted": (split(PATTERNS["o200k"], "Removed"), "a"),
    "punctuation removed": (
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{"type": "Punctuation", "behavior": "Removed"}, BYTE_LEVEL],
            }
        },
        "a.b",
    ),
    "Llama's metaspace": ({"model": FALLBACK, "pre_tokenizer": None, **LLAMA}, "▁"),
    "NFC": ({"normalizer": {"type": "NFC"}}, "e\u0301"),
    "lower case": ({"normalizer": {"type": "BertNormalizer", **BERT, "lowercase": True}}, "A"),
    "strip": ({"normalizer": {"type": "Strip", "strip_left": False, "strip_right": True}}, "a "),
    "a replacement": (
        {"normalizer": {"type": "Replace", "pattern": {"String": "a"}, "content": "b"}},
        "a",
    ),
    "a prepended letter": ({"normalizer": {"type": "Prepend", "prepend": "x"}}, "a"),
    "a space before the text": ({"pre_tokenizer": {**BYTE_LEVEL, "add_prefix_space": True}}, "a"),
    "a delimiter": (
        {
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [{"type": "CharDelimiterSplit", "delimiter": "-"}, BYTE_LEVEL],
            }
        },
        "a-b",
    ),
    "an added token that strips": (added("<x>", lstrip=True), "a <x>"),
    "an added token in letters of the byte alphabet": (added("né"), "né"),
    "marks inside words": ({"model": {**BYTES, "continuing_subword_prefix": "##"}}, "ab"),
    "marks at the end": ({"model": {**BYTES, "end_of_word_suffix": "</w>"}}, "ab"),
    "the text of a byte token": ({"model": UNIGRAM, "pre_tokenizer": None, "decoder": FUSED}, "<0x41>"),
    "no decoder": ({"decoder": None}, "a b"),
    "letters that are not known": ({"model": {**BYTES, "vocab": {"a": 0}}}, "ab"),
}


def opened(folder: Path, parts: dict[str, Any]) -> Tokenizer:
    empty = dict.fromkeys(("truncation", "padding", "normalizer", "post_processor"))
    whole = {
        "version": "1.0",
        **empty,
        "added_tokens": [],
        "pre_tokenizer": BYTE_LEVEL,
        "decoder": BYTE_LEVEL,
    }
    path = folder / "form.json"
    path.write_text(json.dumps({**whole, "model": BYTES, **parts}), encoding="utf-8")
    return load_tokenizer(path)


@pytest.mark.parametrize("name", LOSSLESS)
def test_lossless_form_gives_every_text_back(tmp_path: Path, name: str) -> None:
    tokenizer = opened(tmp_path, LOSSLESS[name])
    assert tokenizer.identity.lossy_because == ""
    texts = [*NATURAL[::7], *HOSTILE_TEXTS, "<x> ab c <x>", "<0x41>▁ né Ġ"]
    assert tokenizer.decode_batch(tokenizer.encode_batch(texts)) == texts

    @settings(max_examples=100)
    @given(TEXTS)
    def comes_back(text: str) -> None:
        assert tokenizer.decode(tokenizer.encode(text)) == text

    comes_back()


@pytest.mark.parametrize("name", LOSSY)
def test_lossy_form_has_a_text_that_shows_it(tmp_path: Path, name: str) -> None:
    parts, witness = LOSSY[name]
    tokenizer = opened(tmp_path, parts)
    assert tokenizer.identity.lossy_because
    assert tokenizer.decode(tokenizer.encode(witness)) != witness


def test_own_families_keep_their_verdict(trained_folder: Callable[[str], Path]) -> None:
    for name in ("bpe", "char", "byte"):
        assert load_tokenizer(trained_folder(name) / "tokenizer.json").lossless
