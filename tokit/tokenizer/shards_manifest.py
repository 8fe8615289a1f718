"""The manifest of a shards folder: its parts, and the tokenizer that their ids are of."""

from __future__ import annotations

from tokit.corpus.corpus_progress import corpus_facts
from tokit.ids.parts_writer import PartsWriter
from tokit.storage.data_manifests import ShardsManifest
from tokit.tokenizer.base import EncodeOptions, Tokenizer


def shards_manifest(
    format_: str,
    parts: PartsWriter,
    tokenizer: Tokenizer,
    options: EncodeOptions,
    separator: str,
    *,
    chat: bool = False,
) -> ShardsManifest:
    """The manifest of shards that are written.

    Args:
        format_: A name out of `tokit.ids.FORMATS`.
        parts: The files.
        tokenizer: The tokenizer of the ids.
        options: How text was encoded.
        separator: Text between documents when they are decoded.
        chat: The documents are conversations.
    """
    facts, split = parts.facts, parts.split
    return ShardsManifest(
        format=format_,
        dtype=parts.dtype.name,
        documents=sum(part.documents for part in facts.values()),
        tokens=sum(part.tokens for part in facts.values()),
        parts=facts,
        end_of_text=parts.end_of_text,
        empty_left_out=parts.empty,
        tokenizer_sha256=tokenizer.sha256,
        tokenizer_family=tokenizer.family,
        vocab_size=tokenizer.vocab_size,
        lossless=tokenizer.lossless,
        chat=chat,
        add_special=options.add_special,
        parse_special=options.parse_special,
        max_length=options.max_length,
        separator=separator,
        open_end=parts.open_end,
        split=None if split is None else {split.name: split.fraction},
        seed=parts.seed,
        corpus=corpus_facts(parts.fingerprint),
    )
