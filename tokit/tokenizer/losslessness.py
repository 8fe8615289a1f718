"""Reason why decoding may not give the text back, from the components of a tokenizer.json.

It is derived, not tried out on examples; what is not known to be exact counts as lossy.
"""

from __future__ import annotations

from typing import Any

from tokit.text.pipeline import METASPACE, PATTERNS
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.special_tokens import BYTE_TOKENS
from tokit.tokenizer.tokenizer_json import Spec, drops_characters, knows_every_text, parts

# Pre-tokenizers that drop the white space between words.
_DROPPING = {"BertPreTokenizer", "Whitespace", "WhitespaceSplit", "CharDelimiterSplit"}
# Alternatives that match white space, signs, numbers and letters, each of them wherever it stands.
_COVERING = (
    (r"\s+", r"\s"),
    (r" ?[^\s\p{L}\p{N}]+", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"[^\s\p{L}\p{N}]+"),
    (r"\p{N}", r"\p{N}+", r" ?\p{N}+", r"\p{N}{1,3}"),
    (r"\p{L}+", r" ?\p{L}+", r"[^\r\n\p{L}\p{N}]?\p{L}+"),
)


def why_lossy(spec: Spec) -> str:
    """Reason why decoding may not give the text back; empty if it always does."""
    return (
        _normalizer_loss(spec.get("normalizer"))
        or _splitter_loss(spec.get("pre_tokenizer"))
        or _model_loss(spec)
        or _added_loss(spec)
        or _decoder_loss(spec)
    )


def _normalizer_loss(normalizer: Spec | None) -> str:
    names = [step["type"] for step in parts(normalizer) if _changes_text(step)]
    return f"its normalizer changes text ({', '.join(names)})" if names else ""


def _changes_text(step: Spec) -> bool:
    switches = {
        "BertNormalizer": ("clean_text", "handle_chinese_chars", "strip_accents", "lowercase"),
        "Strip": ("strip_left", "strip_right"),
    }.get(step["type"])
    return switches is None or any(step.get(name) for name in switches)


def _splitter_loss(splitter: Spec | None) -> str:
    for step in parts(splitter):
        if step["type"] == "Metaspace":
            return f"it writes a space as {METASPACE}, so it reads {METASPACE} in the text as a space"
        if step["type"] in _DROPPING:
            return "its pre-tokenizer drops the white space between words"
        if step.get("behavior") == "Removed" and not _keeps_all(step):
            return (
                "its pre-tokenizer removes the text that its pattern does not match"
                if step.get("invert")
                else ("its pre-tokenizer removes text")
            )
        if step["type"] == "ByteLevel" and step.get("add_prefix_space"):
            return "it puts a space before the text"
    return ""


def _keeps_all(split: Spec) -> bool:
    """True for a Split that keeps what its pattern matches, if that is all of every text."""
    pattern: Any = split.get("pattern", {})
    regex = pattern.get("Regex", "") if isinstance(pattern, dict) else ""
    if not split.get("invert"):
        return False
    alternatives = set(str(regex).split("|"))
    covers = all(alternatives & set(known) for known in _COVERING)
    return covers or regex in PATTERNS.values()


def _model_loss(spec: Spec) -> str:
    model = spec["model"]
    if model.get("dropout"):
        return "its merges are dropped at random"
    if model.get("continuing_subword_prefix") or model.get("end_of_word_suffix"):
        return "its model marks where words begin or end, which its decoder has to guess back"
    if drops_characters(spec):
        return "it has no unknown token, so a character outside its vocabulary is dropped"
    if not knows_every_text(spec):
        return "a word or character outside its vocabulary becomes the unknown token"
    whole = model["type"] == "Unigram" or model.get("ignore_merges")
    if model.get("byte_fallback") and whole and not _splits_byte_tokens(spec.get("pre_tokenizer")):
        return "it reads the text <0x41> as the byte that it names"
    return ""


def _splits_byte_tokens(splitter: Spec | None) -> bool:
    regexes = [str(step.get("pattern", {}).get("Regex", "")) for step in parts(splitter) if step["type"] == "Split"]
    byte_level = any(step["type"] == "ByteLevel" for step in parts(splitter))
    return byte_level or any("<(?=0x[0-9A-F]{2}>)" in regex or regex in PATTERNS.values() for regex in regexes)


def _added_loss(spec: Spec) -> str:
    """Added tokens that are not special are found in every text."""
    for token in spec.get("added_tokens", []):
        if token.get("special"):
            continue
        text = token["content"]
        if token.get("lstrip") or token.get("rstrip"):
            return f"its added token {text!r} takes the white space beside it"
        if text in BYTE_TOKENS or (not text.isascii() and set(text).issubset(byte_alphabet())):
            return f"its decoder reads its added token {text!r} as bytes"
    return ""


def _decoder_loss(spec: Spec) -> str:
    decoder = [step["type"] for step in parts(spec.get("decoder"))]
    byte_level = any(step["type"] == "ByteLevel" for step in parts(spec.get("pre_tokenizer")))
    expected = ["ByteLevel"] if byte_level else ["ByteFallback", "Fuse"]
    return "" if decoder == expected else "its decoder does not undo its encoding"
