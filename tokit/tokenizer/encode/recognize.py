"""Recognize the normalizer and pre-tokenizer of a tokenizer.json as steps that kernels know, whole or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tokit.text.pipeline import METASPACE, PATTERNS, WORDS_AND_SIGNS, TextPipeline
from tokit.tokenizer.special_tokens import guarded_texts

Step = dict[str, Any]
# In the pattern of every guard.
LOOK_AHEAD = "(?="
DIGITS = {r"\p{N}": "single", r"\p{N}{1,3}": "triple"}
PATTERN_NAMES = {pattern: name for name, pattern in PATTERNS.items()}
# Pre-tokenizers of the library, with the settings that tokit writes; earlier versions wrote the first as "Whitespace".
WORD_SPLIT: Step = {"type": "Split", "pattern": {"Regex": WORDS_AND_SIGNS}, "behavior": "Removed", "invert": True}
LIBRARY_NAMES: dict[str, Step] = {
    "bert": {"type": "BertPreTokenizer"},
    "whitespace": {"type": "Whitespace"},
    "whitespace-split": {"type": "WhitespaceSplit"},
    "metaspace": {"type": "Metaspace", "replacement": METASPACE, "prepend_scheme": "never", "split": True},
    "punctuation": {"type": "Punctuation", "behavior": "Isolated"},
}
# Normalizers of the library whose effect on single characters was probed (`tests/support/probe_classes.py`).
PROBED = {
    "NFC": "nfc", "NFD": "nfd", "NFKC": "nfkc", "NFKD": "nfkd", "Lowercase": "lowercase",
    "StripAccents": "strip-accents",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class RecognizedPreTokenizer:
    """The steps between normalizer and model.

    Attributes:
        pipeline: Pre-tokenizer and split of digits; without normalizers.
        byte_level: The model's input is bytes, in the alphabet of GPT-2.
        guarded: Texts that a guard splits in addition.
    """

    pipeline: TextPipeline
    byte_level: bool
    guarded: tuple[str, ...]


def recognize_pretokenizer(spec: dict[str, Any]) -> RecognizedPreTokenizer | None:
    """The pre-tokenizer of a tokenizer.json; None if tokit does not know it."""
    steps = _steps(spec["pre_tokenizer"])
    guarded = _guarded(steps, [token["content"] for token in spec["added_tokens"] if token["special"]])
    if not guarded and any(LOOK_AHEAD in _regex(step) for step in steps):
        guarded = _guarded(steps, _pieces_in_patterns(spec["model"], steps))
    if guarded:
        steps = [step for step in steps if guarded_texts(_regex(step), guarded) != guarded]
    digits = DIGITS.get(_regex(steps[0]), "keep") if steps else "keep"
    rest = steps[1:] if digits != "keep" else steps
    byte_level = bool(rest) and rest[-1].get("type") == "ByteLevel"
    name = _byte_level_name(rest) if byte_level else _name(rest)
    if name is None:
        return None
    return RecognizedPreTokenizer(TextPipeline((), name, digits), byte_level, tuple(guarded))


def _pieces_in_patterns(model: dict[str, Any], steps: list[Step]) -> list[str]:
    """Pieces that a guard may split: an embedding's tokenizer has its special tokens as ordinary ones."""
    patterns = " ".join(_regex(step) for step in steps)
    vocab = model["vocab"]
    return [piece for piece in vocab if re.escape(piece[1:]) in patterns] if isinstance(vocab, dict) else []


def _guarded(steps: list[Step], special: list[str]) -> list[str]:
    for step in steps:
        texts = guarded_texts(_regex(step), special)
        # Metaspace might turn other text into one with its sign.
        if texts is not None and METASPACE not in "".join(texts):
            return texts
    return []


def _byte_level_name(steps: list[Step]) -> str | None:
    if steps[-1].get("add_prefix_space", True):
        return None
    if steps[-1].get("use_regex", True):
        return "gpt2" if len(steps) == 1 else None
    return _name(steps[:-1])


def _name(steps: list[Step]) -> str | None:
    """Name of the pre-tokenizer that these steps are; None if tokit does not know it."""
    if len(steps) != 1:
        return None if steps else "none"
    if steps[0] == WORD_SPLIT:
        return "whitespace"
    named = [name for name, known in LIBRARY_NAMES.items() if steps[0] == known]
    return named[0] if named else PATTERN_NAMES.get(_regex(steps[0]))


def _steps(step: Step | None) -> list[Step]:
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    return [inner for part in step["pretokenizers"] for inner in _steps(part)]


def _regex(step: Step) -> str:
    if step.get("type") != "Split" or step.get("behavior") != "Isolated" or step.get("invert"):
        return ""
    return str(step["pattern"].get("Regex", ""))


def recognize_normalizer(normalizer: dict[str, Any] | None) -> list[str] | None:
    """Names of the steps of a normalizer of a tokenizer.json; None if its effect was not probed."""
    if normalizer is None:
        return []
    if normalizer["type"] == "Sequence":
        steps = [recognize_normalizer(part) for part in normalizer["normalizers"]]
        return [name for names in steps if names is not None for name in names] if None not in steps else None
    if normalizer["type"] == "BertNormalizer":
        return _bert_steps(normalizer)
    name = PROBED.get(normalizer["type"])
    return None if name is None else [name]


def _bert_steps(normalizer: dict[str, Any]) -> list[str]:
    accents = normalizer.get("strip_accents")
    switches = {
        "clean-text": normalizer["clean_text"],
        "chinese-chars": normalizer["handle_chinese_chars"],
        "bert-accents": normalizer["lowercase"] if accents is None else accents,
        "lowercase": normalizer["lowercase"],
    }
    return [name for name, on in switches.items() if on]
