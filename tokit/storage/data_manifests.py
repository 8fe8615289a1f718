"""Manifests of counts and of shards."""

from __future__ import annotations

from dataclasses import dataclass

from tokit.storage.manifests import CorpusFacts, Manifest, PipelineRecord, ShortfallRecord
from tokit.storage.typed_json import FileName


@dataclass(frozen=True, kw_only=True)
class CountsManifest(Manifest):
    """Counts of pre-tokens.

    Attributes:
        words: Number of distinct pre-tokens.
        total: Number of their occurrences.
        shortfall: Error of the counts; None for exact ones.
    """

    kind = "counts"

    pipeline: PipelineRecord
    corpus: CorpusFacts
    words: int
    total: int
    shortfall: ShortfallRecord | None = None


@dataclass(frozen=True)
class ShardPart:
    """One part of a shards folder.

    Attributes:
        file: Name of the file of ids.
        documents: Number of documents.
        tokens: Number of ids, end-of-text included.
        ends: Name of the file with the end of each document; None where the format has its own marks.
        assistant: Name of the file that says which ids the assistant of a conversation writes; None without one.
    """

    file: FileName
    documents: int
    tokens: int
    ends: FileName | None = None
    assistant: FileName | None = None


@dataclass(frozen=True, kw_only=True)
class ShardsManifest(Manifest):
    """Token ids of a corpus.

    Attributes:
        format: A name out of `tokit.ids.FORMATS`.
        dtype: Type of the ids in the files.
        documents: Number of documents of all parts.
        tokens: Number of ids of all parts.
        end_of_text: Id that each document ends with; None for none.
        empty_left_out: Number of empty documents of the corpus that are left out.
        lossless: Whether the tokenizer gives the text back.
        chat: Whether the documents are conversations in the tokenizer's chat template.
        add_special: Whether documents are framed by special tokens.
        parse_special: Whether the text of a special token became that token.
        max_length: Tokens that a document was truncated to.
        separator: Text between documents when they are decoded.
        open_end: Whether the last line of the corpus had no newline.
        split: Name of the held-out part → its fraction of the documents.
        seed: Of the split.
    """

    kind = "shards"

    format: str
    dtype: str
    documents: int
    tokens: int
    parts: dict[str, ShardPart]
    end_of_text: int | None
    empty_left_out: int = 0
    tokenizer_sha256: str
    tokenizer_family: str
    vocab_size: int
    lossless: bool
    chat: bool = False
    add_special: bool
    parse_special: bool
    max_length: int | None
    separator: str
    open_end: bool
    split: dict[str, float] | None
    seed: int
    corpus: CorpusFacts
