"""Manifest of a static embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from tokit.storage.manifests import CorpusFacts, Manifest, PipelineRecord
from tokit.storage.warm_start_facts import WarmStartFacts


@dataclass(frozen=True, kw_only=True)
class FitFacts:
    """Training of a static embedding.

    Attributes:
        tokens: Number of tokens of the corpus.
        losses: Mean loss of each epoch.
        seed: Random seed.
        threads: Number of threads that trained at once; None where the bytes do not depend on it.
        deterministic: Whether the bytes do not depend on the threads.
        engine: The library or engine that trained.
    """

    tokens: int
    losses: tuple[float, ...]
    seed: int
    threads: int | None = None
    deterministic: bool
    engine: str


class FileRecord(TypedDict):
    """Name, size and sha256 of a file."""

    name: str
    bytes: int
    sha256: str


class WordsRecord(TypedDict):
    """Number of some words, and the first of them."""

    count: int
    examples: list[str]


@dataclass(frozen=True, kw_only=True)
class ImportFacts:
    """Origin of imported word vectors.

    Attributes:
        format: A name out of `tokit.embedding.formats.FORMATS`.
        pipeline: Of the word tokenizer.
        file: The file of vectors.
        word_list: The word list of a file that holds a matrix only.
        member: The file of a zip archive.
        errors: What happened to rows that cannot be read: "strict", "replace" or "skip".
        limit: Rows that were read at most; None for all.
        ngram_rows: Number of vectors of n-grams.
        words: Rows that were skipped, and words that were repaired or that no text reaches; by reason.
    """

    format: str
    pipeline: PipelineRecord
    file: FileRecord
    word_list: FileRecord | None = None
    member: str | None = None
    errors: str = "strict"
    limit: int | None = None
    ngram_rows: int
    words: dict[str, WordsRecord]


@dataclass(frozen=True, kw_only=True)
class DistillFacts:
    """Distillation of a language model into a static embedding.

    Attributes:
        family: Of the model; None for one of another tool.
        tokenizer_sha256: Of the model's tokenizer; None for a model of another tool.
        corpus: That the model was trained on; None where it does not say.
        weights_sha256: Of the model's weights; None when they lie in several files.
        explained: Fraction of the variance that the principal components explain.
    """

    family: str | None
    tokenizer_sha256: str | None
    corpus: CorpusFacts | None
    weights_sha256: str | None
    explained: float


@dataclass(frozen=True, kw_only=True)
class EmbeddingManifest(Manifest):
    """A static embedding: fitted, imported or distilled.

    Attributes:
        family: A name out of `tokit.embedding.EMBEDDINGS`, "import" or "distill".
        tokenizer_sha256: Of the tokenizer as it was given; the folder keeps a copy without special tokens.
        special_ids: Rows of special tokens.
        unknown_id: Row of the unknown token, if there is one.
        tokens_seen: Number of tokens with a vector of their own.
        token_counts: Origin of the counts: "corpus", "file", "rank" or "ones".
        document_frequencies: Their origin: "corpus" or "unknown".
        not_reproducible_because: Empty for an embedding that the same command makes again, byte for byte.
        corpus: None for an embedding without one.
        warm_start: None for random initial vectors.
        fit: Set for a fitted embedding.
        imported: Set for an imported one.
        distilled: Set for a distilled one.
    """

    kind = "embedding"

    family: str
    vocab_size: int
    dim: int
    params: dict[str, Any]
    tokenizer_family: str
    tokenizer_sha256: str
    special_ids: list[int]
    unknown_id: int | None
    tokens_seen: int
    token_counts: str = "corpus"  # noqa: S105 - an origin
    document_frequencies: str = "corpus"
    reproducible: bool
    not_reproducible_because: str = ""
    corpus: CorpusFacts | None = None
    warm_start: WarmStartFacts | None = None
    fit: FitFacts | None = None
    imported: ImportFacts | None = None
    distilled: DistillFacts | None = None
