"""Which of our rules the pre-tokenizer of a tokenizer.json is: it is understood as a whole or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from tokit.text.pipeline import METASPACE, PATTERNS, TextPipeline
from tokit.tokenizer.special_tokens import guarded_texts

Step = dict[str, Any]
# Stands in the pattern of a guard.
LOOK_AHEAD = "(?="
DIGITS = {r"\p{N}": "single", r"\p{N}{1,3}": "triple"}
PATTERN_NAMES = {pattern: name for name, pattern in PATTERNS.items()}
# Of those that have settings these are ours.
LIBRARY_NAMES: dict[str, Step] = {
    "bert": {"type": "BertPreTokenizer"},
    "whitespace": {"type": "Whitespace"},
    "whitespace-split": {"type": "WhitespaceSplit"},
    "metaspace": {"type": "Metaspace", "replacement": METASPACE, "prepend_scheme": "never", "split": True},
    "punctuation": {"type": "Punctuation", "behavior": "Isolated"},
}


@dataclass(frozen=True, slots=True)
class Splitting:
    """What happens to text before the model.

    Attributes:
        pipeline: How it is cut.
        byte_level: The model sees bytes, in the alphabet of GPT-2.
        guarded: Besides, these texts are cut wherever they stand.
    """

    pipeline: TextPipeline
    byte_level: bool
    guarded: tuple[str, ...]


def splitting_of(spec: dict[str, Any]) -> Splitting | None:
    """How the pre-tokenizer of a tokenizer.json cuts; None if that is none of our ways."""
    steps = _steps(spec["pre_tokenizer"])
    guarded = _guarded(steps, [token["content"] for token in spec["added_tokens"] if token["special"]])
    if not guarded and any(LOOK_AHEAD in _regex(step) for step in steps):
        guarded = _guarded(steps, _spelled_in(spec["model"], steps))
    if guarded:
        steps = [step for step in steps if guarded_texts(_regex(step), guarded) != guarded]
    digits = DIGITS.get(_regex(steps[0]), "keep") if steps else "keep"
    rest = steps[1:] if digits != "keep" else steps
    byte_level = bool(rest) and rest[-1].get("type") == "ByteLevel"
    name = _byte_level_name(rest) if byte_level else _name(rest)
    return None if name is None else Splitting(TextPipeline((), name, digits), byte_level, tuple(guarded))


def _spelled_in(model: dict[str, Any], steps: list[Step]) -> list[str]:
    """Pieces that a guard may be of: an embedding's tokenizer keeps special tokens as ordinary ones."""
    patterns = " ".join(_regex(step) for step in steps)
    vocab = model["vocab"]
    return [piece for piece in vocab if re.escape(piece[1:]) in patterns] if isinstance(vocab, dict) else []


def _guarded(steps: list[Step], special: list[str]) -> list[str]:
    for step in steps:
        texts = guarded_texts(_regex(step), special)
        # A metaspace might make such a text of others.
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
    """What our rules call some steps; None if they do not know them."""
    if len(steps) != 1:
        return None if steps else "none"
    named = [name for name, known in LIBRARY_NAMES.items() if steps[0] == known]
    return named[0] if named else PATTERN_NAMES.get(_regex(steps[0]))


def _steps(step: Step | None) -> list[Step]:
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    return [inner for each in step["pretokenizers"] for inner in _steps(each)]


def _regex(step: Step) -> str:
    if step.get("type") != "Split" or step.get("behavior") != "Isolated" or step.get("invert"):
        return ""
    return str(step["pattern"].get("Regex", ""))
