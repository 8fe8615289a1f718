"""Finish a trained vocabulary: register its special tokens, set its template, record its identity."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokit.errors import UsageError
from tokit.tokenizer.base import Identity
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, library_json
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.losslessness import why_lossy
from tokit.tokenizer.special_tokens import SpecialTokens

if TYPE_CHECKING:
    from tokenizers import processors

TEMPLATES = {
    "none": ("", ""),
    "bert": ("cls $A sep", "cls $A sep $B:1 sep:1"),
    "eos": ("$A endoftext", "$A endoftext $B:1 endoftext:1"),
}


def assemble(trained: TrainedVocabulary, family: str, template: str) -> LibraryTokenizer:
    """Make a tokenizer of a trained vocabulary.

    Args:
        trained: Result of a family's training.
        family: Name of the family.
        template: "none", "bert", "eos", or a template of the user: special tokens (by role or text) around `$A`.

    Raises:
        UsageError: the template names an unknown token, or lacks `$A`.
    """
    import hashlib
    import json

    from tokenizers import AddedToken

    library, special = trained.library, trained.special
    library.add_special_tokens([AddedToken(text, special=True, normalized=False) for text in special.texts])
    processor = template_processor(template, special)
    if processor is not None:
        library.post_processor = processor
    # Serialized once: it takes as long as reading it back.
    source = library_json(library).encode("utf-8")
    spec: dict[str, Any] = json.loads(source)
    identity = Identity(family, "tokit", hashlib.sha256(source).hexdigest(), special.ids(), why_lossy(spec))
    tokenizer = LibraryTokenizer(library, identity, source=source)
    # TrainedVocabulary vocabularies have no gaps, so the largest id need not be searched for.
    tokenizer.vocab_size = library.get_vocab_size(with_added_tokens=True)
    return tokenizer


def template_processor(template: str, special: SpecialTokens) -> processors.TemplateProcessing | None:
    """The library's post-processor for a template; None for "none" and ""."""
    from tokenizers import processors

    single, pair = TEMPLATES.get(template or "none", (template, ""))
    if not single:
        return None
    if [piece for piece in single.split() if piece.startswith("$")] != ["$A"]:
        raise UsageError(f"template '{template}' needs $A once, and no other $", hint="--template 'cls $A sep'")
    texts = {**{text: text for text in special.texts}, **special.by_role}
    ids = {special.by_role[role]: i for role, i in special.ids().items()}
    return processors.TemplateProcessing(
        single=[_resolved(piece, texts) for piece in single.split()],
        pair=[_resolved(piece, texts) for piece in (pair or f"{single} $B:1").split()],
        special_tokens=list(ids.items()),
    )


def _resolved(piece: str, texts: dict[str, str]) -> str:
    if piece.startswith("$"):
        return piece
    name, colon, type_id = piece, "", ""
    if piece not in texts:
        name, colon, type_id = piece.partition(":")
    if name not in texts or (colon and not type_id.isdecimal()):
        raise UsageError(f"the template's '{piece}' is not a special token", hint=f"known: {', '.join(texts)}")
    return f"{texts[name]}{colon}{type_id}"
