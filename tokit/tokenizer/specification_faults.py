"""Faults of a tokenizer.json that its library accepts, and that end in a failure at some later text.

They are looked for when a foreign file is opened: a tokenizer that fails on the first unknown word fails after an hour.
"""

from __future__ import annotations

from typing import Any

from tokit.tokenizer.tokenizer_json import Spec, knows_every_text

# Arrays have a row for each id: a file with a larger one has it by mistake, and the library counts up to it.
LARGEST_ID = 99_999_999


def fault_of(spec: Spec) -> str:
    """The first fault of a complete tokenizer.json; empty for none."""
    ids = _ids(spec)
    largest = max(ids.values(), default=-1)
    if not ids:
        return "its vocabulary is empty"
    return _unknown_fault(spec) or _processor_fault(spec.get("post_processor"), largest)


def _ids(spec: Spec) -> dict[str, int]:
    vocab = spec["model"].get("vocab", {})
    known = dict(vocab) if isinstance(vocab, dict) else {piece: i for i, (piece, _) in enumerate(vocab)}
    return known | {token["content"]: token["id"] for token in spec.get("added_tokens", [])}


def _unknown_fault(spec: Spec) -> str:
    """The model looks the unknown token up when it first needs it."""
    model = spec["model"]
    if knows_every_text(spec):
        return ""
    if model["type"] == "Unigram":
        return "" if model.get("unk_id") is not None else "it has no unknown token, and needs one"
    unknown = model.get("unk_token")
    if unknown is None or unknown in model["vocab"]:
        return ""
    return f"its unknown token {unknown!r} is not in the vocabulary of its model"


def _processor_fault(processor: Spec | None, largest: int) -> str:
    if processor is None:
        return ""
    for part in processor.get("processors", []):
        fault = _processor_fault(part, largest)
        if fault:
            return fault
    if processor["type"] == "TemplateProcessing":
        return _template_fault(processor, largest)
    framing = [processor[name] for name in ("cls", "sep") if name in processor]
    outside = [f"its template gives {text!r} the id {i:,}, which it lacks" for text, i in framing if i > largest]
    return outside[0] if outside else ""


def _template_fault(template: Spec, largest: int) -> str:
    tokens: dict[str, Any] = template["special_tokens"]
    for name in ("single", "pair"):
        used = [step["SpecialToken"]["id"] for step in template[name] if "SpecialToken" in step]
        absent = [text for text in used if text not in tokens]
        if absent:
            return f"its template has the token {absent[0]!r} without an id"
        outside = [(text, i) for text in used for i in tokens[text]["ids"] if i > largest]
        if outside:
            return f"its template gives {outside[0][0]!r} the id {outside[0][1]:,}, which it lacks"
    texts = [step["Sequence"]["id"] for step in template["single"] if "Sequence" in step]
    return "" if texts == ["A"] else "its template does not have the text ($A) once"
