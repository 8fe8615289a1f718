"""The tokenizer in a GGUF file of llama.cpp: byte-level BPE ("gpt2") or SentencePiece BPE ("llama").

A pre-tokenizer is there by its name alone, so one that tokit does not know is refused.
https://github.com/ggml-org/llama.cpp (src/llama-vocab.cpp)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import ArtifactError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.formats.base import TokenizerFormat, from_library, make_byte_level
from tokit.tokenizer.formats.gguf_metadata import read_metadata
from tokit.tokenizer.formats.sentencepiece_proto import CONTROL, UNKNOWN, USER_DEFINED
from tokit.tokenizer.formats.setting_forms import has_form

if TYPE_CHECKING:
    import tokenizers

PREFIX = "tokenizer.ggml."
# llama.cpp's name of a pre-tokenizer → tokit's.
PRE_TOKENIZERS = {
    "gpt-2": "gpt2",
    "phi-2": "gpt2",
    "olmo": "gpt2",
    "llama-bpe": "llama3",
    "llama3": "llama3",
    "llama-v3": "llama3",
    "falcon3": "llama3",
    "qwen2": "qwen2",
    "deepseek-r1-qwen": "qwen2",
    "stablelm2": "qwen2",
    "gpt-4o": "o200k",
    "llama4": "o200k",
}
# Those with which a pre-token of the vocabulary is taken whole.
WHOLE = ("llama3",)
ROLES = {
    "bos": "bos_token_id",
    "endoftext": "eos_token_id",
    "pad": "padding_token_id",
    "unk": "unknown_token_id",
    "sep": "seperator_token_id",
    "cls": "cls_token_id",
    "mask": "mask_token_id",
}
FORMS: dict[str, Any] = {
    **{"model": str, "pre": str, "tokens": list[str], "token_type": list[int], "merges": list[str]},
    **{"scores": list[float], **dict.fromkeys(ROLES.values(), int)},
    **dict.fromkeys(("add_bos_token", "add_eos_token", "add_space_prefix"), bool),
}
# Role → SentencePiece's name.
SPM_NAMES = {"bos": "bos", "endoftext": "eos", "pad": "pad"}


class GgufFile(TokenizerFormat):
    """The metadata of a GGUF file; its tensors are not read."""

    origin = "GGUF"
    files = "*.gguf"

    @classmethod
    def matches(cls, path: Path) -> bool:
        return path.suffix == ".gguf"

    @classmethod
    def load(cls, path: Path) -> Tokenizer:
        found = {name.removeprefix(PREFIX): value for name, value in read_metadata(path, PREFIX).items()}
        kind = found.get("model")
        tokens, types = found.get("tokens"), found.get("token_type")
        if not isinstance(tokens, list) or not isinstance(types, list) or len(types) != len(tokens):
            raise ArtifactError(f"{path}: it holds no tokenizer", hint="give the tokenizer.json of the model")
        _check_forms(found, path)
        outside = [name for name in ROLES.values() if not 0 <= found.get(name, 0) < len(tokens)]
        if outside:
            raise ArtifactError(f"{path}: its {outside[0]} is not in its vocabulary", hint="convert it again")
        if kind == "gpt2":
            return _byte_level(found, path)
        if kind == "llama":
            return _sentencepiece(found, path)
        raise ArtifactError(
            f"{path}: a tokenizer of the type '{kind}', which tokit does not read from GGUF",
            hint="give the tokenizer.json of the model",
        )


def _check_forms(found: Mapping[str, Any], path: Path) -> None:
    """Refuse metadata of a form that a tokenizer has no use for, such as an id that is a text."""
    for name, form in FORMS.items():
        if name in found and not has_form(found[name], form):
            raise ArtifactError(f"{path}: its {name} has the wrong form", hint="convert it again")


def _byte_level(found: dict[str, Any], path: Path) -> Tokenizer:
    from tokenizers import AddedToken, models
    from tokenizers import Tokenizer as Library

    pattern = PRE_TOKENIZERS.get(found.get("pre", ""))
    if pattern is None:
        raise ArtifactError(
            f"{path}: its pre-tokenizer '{found.get('pre', '')}' is not known", hint="give the model's tokenizer.json"
        )
    tokens, types = found["tokens"], found["token_type"]
    merges = [(left, right) for left, _, right in (line.partition(" ") for line in found.get("merges", []))]
    vocab = {token: i for i, token in enumerate(tokens)}
    if len(vocab) < len(tokens):
        raise ArtifactError(f"{path}: it has a token twice", hint="give the model's tokenizer.json")
    library = Library(models.BPE(vocab=vocab, merges=merges, ignore_merges=pattern in WHOLE))
    make_byte_level(library, pattern)
    plain = [token for token, kind in zip(tokens, types, strict=True) if kind == USER_DEFINED]
    library.add_tokens([AddedToken(text, special=False, normalized=False) for text in plain])
    special = [token for token, kind in zip(tokens, types, strict=True) if kind in (CONTROL, UNKNOWN)]
    _add_template(library, found)
    tokenizer = from_library(library, path, family="bpe", origin=GgufFile.origin, specials=special)
    stated = {role: found[name] for role, name in ROLES.items() if name in found}
    _drop_equal_begin(stated)
    tokenizer.identity = dataclasses.replace(tokenizer.identity, special_ids=tokenizer.special_ids | stated)
    return tokenizer


def _drop_equal_begin(roles: dict[str, int]) -> None:
    """A text begins with the token that ends one unless there is another."""
    if roles.get("bos") == roles.get("endoftext"):
        roles.pop("bos", None)


def _add_template(library: tokenizers.Tokenizer, found: dict[str, Any]) -> None:
    from tokenizers import processors

    tokens = found["tokens"]
    begin = found.get("bos_token_id") if found.get("add_bos_token") else None
    end = found.get("eos_token_id") if found.get("add_eos_token") else None
    frame = [(tokens[i], i) for i in dict.fromkeys((begin, end)) if i is not None]
    if frame:
        before = [tokens[begin]] if begin is not None else []
        after = [tokens[end]] if end is not None else []
        single = [*before, "$A", *after]
        second = [f"{step}:1".replace("$A:1", "$B:1") for step in single]
        library.post_processor = processors.TemplateProcessing(
            single=single, pair=[*single, *second], special_tokens=frame
        )


def _sentencepiece(found: dict[str, Any], path: Path) -> Tokenizer:
    from tokit.tokenizer.formats.sentencepiece import SentencePieceTokenizer
    from tokit.tokenizer.formats.sentencepiece_writer import model_bytes

    scores = found.get("scores")
    if not isinstance(scores, list) or len(scores) != len(found["tokens"]):
        raise ArtifactError(f"{path}: its pieces have no scores", hint="give the tokenizer.model of the model")
    data = model_bytes(
        list(zip(found["tokens"], scores, found["token_type"], strict=True)),
        ids={
            name: found.get(f"{long}_token_id", -1)
            for name, long in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"))
        },
        add_dummy_prefix=bool(found.get("add_space_prefix", True)),
    )
    return SentencePieceTokenizer(data, str(path))
