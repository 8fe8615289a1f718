"""Facts about a tokenizer from its tokenizer.json: whether it knows every text, and the text of each token."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tokit.text.pipeline import METASPACE
from tokit.tokenizer.byte_alphabet import byte_alphabet
from tokit.tokenizer.special_tokens import BYTE_TOKENS

Spec = dict[str, Any]
# Keys under which a sequence of components lists its steps.
STEPS = ("normalizers", "pretokenizers", "decoders")
# Components that are recognized by their type.
TYPED = ("normalizer", "pre_tokenizer", "decoder")


def is_complete(spec: Spec) -> bool:
    """True if a tokenizer.json has every key that tokit reads; the library accepts files without some of them."""
    if not all(name in spec for name in ("added_tokens", *TYPED)) or "type" not in spec["model"]:
        return False
    return all(_is_typed(spec[name]) for name in TYPED)


def piece_texts(names: list[str], spec: Spec) -> list[str]:
    """The text that each token contributes; bytes that are not UTF-8 by themselves become U+FFFD."""
    kinds = {part["type"] for part in parts(spec.get("decoder"))}
    added = {token["content"] for token in spec.get("added_tokens", [])}
    if "ByteLevel" in kinds:
        table = {ord(sign): byte for byte, sign in enumerate(byte_alphabet())}
        return [name if name in added else _from_byte_level(name, table) for name in names]
    prefix = spec["model"].get("continuing_subword_prefix") if "WordPiece" in kinds else None
    spaced = any(METASPACE in str(part) for part in parts(spec.get("decoder")))
    bytewise = "ByteFallback" in kinds
    return [name if name in added else _plain_text(name, prefix, spaced=spaced, bytewise=bytewise) for name in names]


def parts(component: Spec | None) -> Iterator[Spec]:
    """Steps of a normalizer, pre-tokenizer or decoder, with sequences flattened."""
    if component is None:
        return
    steps = next((component[key] for key in STEPS if key in component), None)
    if steps is None:
        yield component
        return
    for step in steps:
        yield from parts(step)


def _is_typed(component: Spec | None) -> bool:
    if component is None:
        return True
    steps: list[Spec] = next((component[key] for key in STEPS if key in component), [])
    return "type" in component and all(_is_typed(step) for step in steps)


def _from_byte_level(name: str, table: dict[int, int]) -> str:
    try:
        return bytes([table[ord(sign)] for sign in name]).decode("utf-8", errors="replace")
    except KeyError:
        return name


def _plain_text(name: str, prefix: str | None, *, spaced: bool, bytewise: bool) -> str:
    if prefix and name.startswith(prefix):
        return name.removeprefix(prefix)
    if bytewise and name in BYTE_TOKENS:
        return bytes([int(name[3:5], 16)]).decode("utf-8", errors="replace")
    return name.replace(METASPACE, " ") if spaced else name


def knows_every_text(spec: Spec) -> bool:
    """True if the model has a token for every byte or character, so that it never needs an unknown token."""
    model = spec["model"]
    vocab = model.get("vocab", {})
    known = set(vocab) if isinstance(vocab, dict) else {piece for piece, _ in vocab}
    kinds = {step["type"] for name in TYPED[:2] for step in parts(spec.get(name))}
    if model["type"] not in ("BPE", "Unigram"):
        return False
    if "ByteLevel" in kinds and known.issuperset(byte_alphabet()):
        return True
    # The library's unigram looks for the unknown token before it falls back to bytes.
    falls_back = model.get("byte_fallback") and (model["type"] == "BPE" or model.get("unk_id") is not None)
    return bool(falls_back) and known.issuperset(BYTE_TOKENS)


def drops_characters(spec: Spec) -> bool:
    """True if the model has no token for some characters, and none for unknown ones either."""
    return spec["model"]["type"] == "BPE" and spec["model"].get("unk_token") is None and not knows_every_text(spec)
