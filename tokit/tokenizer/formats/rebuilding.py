"""Folders whose tokenizer.json transformers reads in part: their class fixes how text is split.

tokit follows the file. Where the class splits text in another way, that is a note.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tokit.text.pipeline import PATTERNS
from tokit.tokenizer.formats.folder_settings import FolderSettings
from tokit.tokenizer.formats.tokenizer_classes import BYTE_LEVEL_CLASSES, MODEL_TYPES, WORDPIECE_CLASSES, byte_level
from tokit.tokenizer.formats.wordpiece_options import normalizer_options
from tokit.tokenizer.tokenizer_json import parts

if TYPE_CHECKING:
    import tokenizers

Spec = dict[str, Any]
GPT2_SPLIT = {"type": "Split", "pattern": {"Regex": PATTERNS["gpt2"]}, "behavior": "Isolated", "invert": False}
# Special tokens of classes that are known by their tokenizer.json alone.
OTHER_SPECIALS: dict[str, Spec] = {
    "LlamaTokenizer": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
    "GemmaTokenizer": {
        "unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "mask_token": "<mask>",
    },
}  # fmt: skip
# Settings that do not change ids.
OFFSETS_ONLY = ("trim_offsets",)


def with_specials_of_class(settings: FolderSettings, library: tokenizers.Tokenizer) -> FolderSettings:
    """Settings with the special tokens of their class that the vocabulary has, where they name none."""
    known = {**BYTE_LEVEL_CLASSES, **WORDPIECE_CLASSES}.get(settings.tokenizer_class)
    specials = OTHER_SPECIALS.get(settings.tokenizer_class, {}) if known is None else known.specials
    tokens = {name: token if isinstance(token, dict) else {"content": token} for name, token in specials.items()}
    present = {name: token for name, token in tokens.items() if library.token_to_id(token["content"]) is not None}
    return settings.with_defaults(present)


def note_on_class(settings: FolderSettings, spec: Spec) -> tuple[str, ...]:
    """A note if transformers takes the class of a tokenizer.json for its pipeline, and the two differ."""
    name = settings.tokenizer_class or MODEL_TYPES.get(settings.model_type, "")
    other_model = settings.model_type and MODEL_TYPES.get(settings.model_type, name) != name
    expected = None if other_model else _pipeline_of_class(name, settings)
    found = [*_steps(spec["normalizer"]), *_steps(spec["pre_tokenizer"])]
    if name == "LlamaTokenizer" and any("ByteLevel" in str(spec[part]) for part in ("pre_tokenizer", "decoder")):
        # Llama 3's: transformers sees that the class does not fit, and reads the file.
        return ()
    if expected is None or (expected == found and not spec["model"].get("ignore_merges")):
        return ()
    return (f"transformers splits text as its class {name} does, and this file in another way: tokit follows the file",)


def _pipeline_of_class(name: str, settings: FolderSettings) -> list[Spec] | None:
    """Normalizer and pre-tokenizer of a class; None if it is not known, or reads the file whole."""
    if name in BYTE_LEVEL_CLASSES:
        known = BYTE_LEVEL_CLASSES[name]
        return [*_steps(known.normalizer), *_steps(known.split(settings))]
    if name in WORDPIECE_CLASSES:
        options = {"type": "BertNormalizer", "clean_text": True, **normalizer_options(settings)}
        return [options, {"type": "BertPreTokenizer"}]
    if name == "LlamaTokenizer":
        scheme = "always" if settings.switch("legacy") else "first"
        prepend = scheme if settings.setting("add_prefix_space", bool) is not False else "never"
        return [{"type": "Metaspace", "replacement": "▁", "prepend_scheme": prepend, "split": False}]
    return None


def _steps(component: Spec | None) -> Iterator[Spec]:
    for step in parts(component):
        bare = {key: value for key, value in step.items() if key not in OFFSETS_ONLY}
        if bare["type"] == "ByteLevel" and bare.get("use_regex", True) and not bare.get("add_prefix_space"):
            yield GPT2_SPLIT
            bare = {key: value for key, value in byte_level(pattern=False).items() if key not in OFFSETS_ONLY}
        yield bare
