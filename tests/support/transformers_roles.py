"""Special tokens of a tokenizer as transformers sees them."""

from __future__ import annotations

from typing import Any

ROLES = {
    "endoftext": "eos_token", "bos": "bos_token", "pad": "pad_token", "cls": "cls_token", "sep": "sep_token",
    "mask": "mask_token", "unk": "unk_token",
}  # fmt: skip


def roles_in_transformers(tokenizer: Any) -> dict[str, int]:
    """Role → id of the special tokens that transformers has a name for; no `bos` where it is the end of text."""
    ids = {role: getattr(tokenizer, f"{name}_id") for role, name in ROLES.items()}
    if ids["bos"] == ids["endoftext"]:
        ids["bos"] = None
    return {role: i for role, i in ids.items() if i is not None}


def ids_in_transformers(tokenizer: Any, texts: list[str], *, add_special: bool = False) -> list[list[int]]:
    """Ids of each text, special tokens parsed."""
    encoded: list[list[int]] = tokenizer(texts, add_special_tokens=add_special)["input_ids"]
    return encoded
