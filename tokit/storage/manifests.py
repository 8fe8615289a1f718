"""Manifests of artifacts: one dataclass for each kind, as it stands in `tokit.json`.

Those of counts and shards, embeddings, and models are in files of their own: a command that only loads a tokenizer
does not make their classes, each of which takes as long as importing a small module.

A field with a default may be missing from the file, and is left out of it while it has that value. Entries that no
field is named after are ignored.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypedDict

from tokit.registry import Registry
from tokit.storage.recorded_request import RecordedRequest
from tokit.storage.typed_json import FileName, Fingerprint

FORMAT_VERSION = 2


class PipelineRecord(TypedDict):
    """A text pipeline: normalizers in their order, pre-tokenizer, split of digits; by name."""

    normalizers: list[str]
    pre_tokenizer: str
    digits: str


class ShortfallRecord(TypedDict):
    """Upper bounds on the error of counts: of a word that is listed, and of one that is missing."""

    listed: int
    missing: int


@dataclass(frozen=True)
class CorpusFacts:
    """Identity and size of a corpus.

    Attributes:
        fingerprint: Sum of the documents' hashes modulo 2**128, in hex: order and threads do not matter.
        documents: Number of documents.
        bytes: Size of their text.
    """

    fingerprint: Fingerprint
    documents: int
    bytes: int

    def __add__(self, other: CorpusFacts) -> CorpusFacts:
        total = (int(self.fingerprint, 16) + int(other.fingerprint, 16)) % (1 << 128)
        return CorpusFacts(f"{total:032x}", self.documents + other.documents, self.bytes + other.bytes)

    def as_dict(self) -> dict[str, Any]:
        """Fields by name, for JSON."""
        return {"fingerprint": self.fingerprint, "documents": self.documents, "bytes": self.bytes}


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Entries that the manifest of every kind has.

    Attributes:
        versions: Version of tokit and of each library that has a part in the artifact; filled in when it is written.
        files: sha256 of every other file, by its path in the folder; filled in when it is written.
        sources: Repositories on the Hub that it was made from, with their commits.
        request: The command that made it; None for what Python made. Filled in when it is written.
    """

    kind: ClassVar[str]
    # Libraries whose versions are recorded.
    libraries: ClassVar[tuple[str, ...]] = ("tokenizers", "sentencepiece", "gensim", "numpy", "numba")

    versions: dict[str, str] = field(default_factory=dict)
    files: dict[FileName, str] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    request: RecordedRequest | None = None

    def as_json(self) -> dict[str, Any]:
        """Entries of the file, in its order."""
        facts = _with_lists(dataclasses.asdict(self))
        entries = {name: value for name, value in facts.items() if getattr(self, name) != self._default(name)}
        request = {"request": entries.pop("request")} if "request" in entries else {}
        sealed = {**request, **{name: entries.pop(name, {}) for name in ("versions", "files")}}
        return {"kind": self.kind, "format_version": FORMAT_VERSION, **entries, **sealed}

    @classmethod
    def _default(cls, name: str) -> Any:
        return cls.__dataclass_fields__[name].default


def _with_lists(value: Any) -> Any:
    """A value as JSON gives it back: lists in place of tuples."""
    if isinstance(value, dict):
        return {name: _with_lists(entry) for name, entry in value.items()}
    return [_with_lists(entry) for entry in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, kw_only=True)
class TokenizerManifest(Manifest):
    """A trained tokenizer.

    Attributes:
        requested_vocab_size: Size that was asked for; None left it to the family.
        lossy_because: Why decoding may not give the text back; empty for a lossless tokenizer.
        special_tokens: Role → text.
        special_ids: Role → id; None in manifests that were written before it was recorded.
        template: Post-processing template, or "none"; "" where it is that of a foreign tokenizer.
        chat_template: "chatml", "llama3", or the name of the file that the chat template is from; None without one.
        source_sha256: The tokenizer that this one is a copy of, with more special tokens; None for a trained one.
        origin: Format of that tokenizer's file; "tokit" for its own.
        not_reproducible_because: Empty for a tokenizer that the same command makes again, byte for byte.
        shortfall: Error of the counts that it was trained from; None for exact ones.
    """

    kind = "tokenizer"

    family: str
    vocab_size: int
    requested_vocab_size: int | None
    lossless: bool
    lossy_because: str
    special_tokens: dict[str, str]
    special_ids: dict[str, int] | None = None
    template: str
    chat_template: str | None = None
    source_sha256: str | None = None
    origin: str = "tokit"
    pipeline: PipelineRecord | None
    params: dict[str, Any]
    seed: int
    reproducible: bool
    not_reproducible_because: str = ""
    corpus: CorpusFacts | None
    shortfall: ShortfallRecord | None = None


MANIFESTS: Registry[type[Manifest]] = Registry(
    "kind of artifact",
    {
        "tokenizer": "tokit.storage.manifests:TokenizerManifest",
        "counts": "tokit.storage.data_manifests:CountsManifest",
        "shards": "tokit.storage.data_manifests:ShardsManifest",
        "embedding": "tokit.storage.embedding_manifest:EmbeddingManifest",
        "language-model": "tokit.storage.model_manifests:LanguageModelManifest",
        "onnx-model": "tokit.storage.model_manifests:OnnxManifest",
    },
)
