"""`tokit chat-template`: a copy of a tokenizer with a chat template and its special tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokit.storage.folder import check_target, read_manifest, writing
from tokit.storage.manifests import TokenizerManifest
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.chat.chat_template import ChatTemplate
from tokit.tokenizer.chat.with_chat_template import with_chat_template
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatTemplateReport:
    """A tokenizer folder with a chat template.

    Attributes:
        path: The folder.
        chat_template: "chatml", "llama3", or the name of a file.
        added: Text → id of the special tokens that the tokenizer lacked.
        end_of_text: Text of the token that ends a text, and a turn where the template says so; None without one.
        vocab_size: The largest id plus one.
        notes: What the user should know of the template.
    """

    path: str
    chat_template: str
    added: dict[str, int]
    end_of_text: str | None
    vocab_size: int
    notes: tuple[str, ...]


def set_chat_template(
    source: str | Path,
    name: str,
    out: str | Path,
    *,
    special_tokens: Sequence[str] = (),
    overwrite: bool = False,
) -> ChatTemplateReport:
    """Write a copy of a tokenizer that has a chat template.

    Args:
        source: Any tokenizer.
        name: "chatml", "llama3", or the path of a Jinja file.
        out: The folder to write.
        special_tokens: `role=text` settings of the tokens that a file needs.
        overwrite: Replace an existing tokenizer.

    Raises:
        UsageError: no such template, or one that does not fit the tokenizer.
        ArtifactError: no such tokenizer, or the folder cannot be written.
    """
    check_target(out, overwrite=overwrite)
    template = ChatTemplate.open(name, special_tokens)
    original = load_tokenizer(source)
    tokenizer, notes = with_chat_template(original, template)
    with writing(out, overwrite=overwrite) as draft:
        tokenizer.save_files(draft.path)
        draft.manifest = _manifest(Path(source), original, tokenizer, template)
    end = tokenizer.special_texts().get("endoftext")
    return ChatTemplateReport(
        path=str(out),
        chat_template=template.name,
        added=_added(original, tokenizer),
        end_of_text=end,
        vocab_size=tokenizer.vocab_size,
        notes=notes,
    )


def _added(original: Tokenizer, copy: LibraryTokenizer) -> dict[str, int]:
    before = set(original.pieces.names)
    return {text: copy.special_ids[role] for role, text in copy.special_texts().items() if text not in before}


def _manifest(source: Path, original: Tokenizer, copy: LibraryTokenizer, template: ChatTemplate) -> TokenizerManifest:
    """The manifest of the original where it is a tokenizer folder of tokit's, with what the copy changes."""
    if original.identity.origin == "tokit":
        manifest = read_manifest(source, TokenizerManifest)
    else:
        manifest = TokenizerManifest(
            family=original.family,
            vocab_size=copy.vocab_size,
            requested_vocab_size=None,
            lossless=original.lossless,
            lossy_because=original.identity.lossy_because,
            special_tokens={},
            template="",
            origin=original.identity.origin,
            pipeline=None,
            params={},
            seed=0,
            reproducible=True,
            corpus=None,
        )
    return dataclasses.replace(
        manifest,
        vocab_size=copy.vocab_size,
        special_tokens=copy.special_texts(),
        special_ids=copy.special_ids,
        chat_template=template.name,
        source_sha256=original.sha256,
    )
