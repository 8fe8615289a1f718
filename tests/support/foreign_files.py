"""Small tokenizer files in the forms in which other tools leave them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokit.tokenizer.byte_alphabet import byte_alphabet

BASE: dict[str, Any] = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
    "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
}  # fmt: skip
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def added(text: str, i: int, **settings: bool) -> dict[str, Any]:
    """An entry of added_tokens."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": i, "content": text, **flags, **settings}


def write_json(path: Path, value: Any) -> Path:
    """Write JSON; returns the path."""
    path.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
    return path


def write_tokenizer_json(path: Path, **parts: Any) -> Path:
    """Write a tokenizer.json whose parts are `BASE` but for those given."""
    return write_json(path, {**BASE, **parts})


def byte_level_vocab(*more: str, first: int = 0) -> dict[str, int]:
    """The byte alphabet and more pieces, numbered from `first`."""
    return {piece: i for i, piece in enumerate([*byte_alphabet(), *more], first)}


def word_level(vocab: dict[str, int], unk: str = "<UNK>") -> dict[str, Any]:
    """A WordLevel model."""
    return {"type": "WordLevel", "vocab": vocab, "unk_token": unk}


def byte_level_bpe(vocab: dict[str, int], **settings: Any) -> dict[str, Any]:
    """A BPE model with the merges "t h", "th e"."""
    return {"type": "BPE", "vocab": vocab, "merges": [["t", "h"], ["th", "e"]], **settings}


def with_a_gap(vocab: dict[str, int], at: int, width: int = 1) -> dict[str, int]:
    """A vocabulary whose ids from `at` on are moved up."""
    return {piece: i if i < at else i + width for piece, i in vocab.items()}
