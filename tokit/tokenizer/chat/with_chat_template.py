"""A copy of a tokenizer with a chat template and the special tokens that it writes."""

from __future__ import annotations

from typing import Any

from tokit.errors import UsageError
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.chat.chat_template import ChatTemplate
from tokit.tokenizer.chat.check_template import check_template
from tokit.tokenizer.chat.template_files import DEFAULT
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.special_copies import with_special_tokens
from tokit.tokenizer.tokenizer_folder import special_tokens_map, tokenizer_config

# Settings of a foreign tokenizer_config.json that a copy keeps; its class would make the tokenizer anew.
KEPT_SETTINGS = ("model_max_length", "model_input_names", "padding_side", "truncation_side")
# Role of the former end of text, where no other role is free for it.
FORMER_END = "end_of_document"


def with_chat_template(tokenizer: Tokenizer, template: ChatTemplate) -> tuple[LibraryTokenizer, tuple[str, ...]]:
    """A copy of a tokenizer with a chat template; the ids that it has stay what they are.

    Args:
        tokenizer: Any tokenizer.
        template: The template; special tokens that the tokenizer lacks come after its last id.

    Returns:
        The copy, and notes for the user.

    Raises:
        UsageError: the template does not fit the tokenizer.
    """
    roles = {**_former_end(tokenizer, template), **template.tokens}
    copy = with_special_tokens(tokenizer, roles)
    copy.chat_templates = {DEFAULT: template.source}
    copy.config = _config(tokenizer, copy)
    notes: tuple[str, ...] = ()
    if not template.built_in:
        notes = check_template(template.source, special_names(copy), template_variables(copy))
    return copy, (*_spelled_by_text(copy, template), *notes)


def _former_end(tokenizer: Tokenizer, template: ChatTemplate) -> dict[str, str]:
    """Role → text of the end of text that a template puts another one in place of."""
    end = tokenizer.special_ids.get("endoftext")
    if end is None or template.tokens.get("endoftext") is None:
        return {}
    text = tokenizer.pieces.names[end]
    if text in template.tokens.values():
        return {}
    free = "bos" not in tokenizer.special_ids and "bos" not in template.tokens
    return {"bos" if free else FORMER_END: text}


def _config(source: Tokenizer, copy: LibraryTokenizer) -> dict[str, Any] | None:
    """The tokenizer_config.json of a copy of a foreign tokenizer; None for tokit's own."""
    if not isinstance(source, LibraryTokenizer) or source.config is None:
        return None
    settings = {name: source.config[name] for name in KEPT_SETTINGS if name in source.config}
    return {**tokenizer_config(copy.special_texts()), **settings}


def special_names(tokenizer: Tokenizer) -> set[str]:
    """Texts of all special tokens, with a role or without."""
    pieces = tokenizer.pieces
    return {pieces.names[int(i)] for i in pieces.special.nonzero()[0]}


def template_variables(tokenizer: LibraryTokenizer) -> dict[str, Any]:
    """Variables that transformers hands to a template, such as `bos_token`."""
    if tokenizer.config is None:
        return special_tokens_map(tokenizer.special_texts())
    names = [f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask")]
    values = {name: tokenizer.config.get(name) for name in names}
    texts = {name: value.get("content") if isinstance(value, dict) else value for name, value in values.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _spelled_by_text(tokenizer: LibraryTokenizer, template: ChatTemplate) -> tuple[str, ...]:
    """A note on tokens that are ordinary pieces of the vocabulary too."""
    ids = {text: tokenizer.library.token_to_id(text) for text in template.tokens.values()}
    ordinary = [text for text, i in ids.items() if i in tokenizer.encode(text)]
    if not ordinary:
        return ()
    return (f"ordinary text can spell {', '.join(ordinary)}: it was a piece of the vocabulary before",)


def require_chat_template(tokenizer: Tokenizer) -> None:
    """Refuse a tokenizer without a chat template.

    Raises:
        UsageError: it has none.
    """
    if DEFAULT not in tokenizer.chat_templates:
        raise UsageError(
            "the tokenizer has no chat template", hint="tokit chat-template TOK chatml -o NEW gives it one"
        )
