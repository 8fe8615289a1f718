"""Contextual embedder: vectors of tokens and documents from a language model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from tokit.arrays import FloatArray, IdArray, Ids, spans
from tokit.embedding.static_embedder import Component, Embedder, batches_of
from tokit.errors import ArtifactError, UsageError
from tokit.lm import require_lm_extra
from tokit.lm.folder.config import CONFIG, MEANS, Pooling, longest_document, pooling_of, read_config
from tokit.lm.folder.layers import check_layer
from tokit.lm.onnx.onnx_encoder import find_onnx, load_onnx_encoder, require_onnx
from tokit.registry import did_you_mean, near_names
from tokit.runtime.threads import thread_count
from tokit.storage.folder import kind_of, read_manifest
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest
from tokit.tokenizer.base import EncodeOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.data.length_batches import ModelEncoder

# Model types of transformers that are static embeddings.
STATIC_TYPES = ("model2vec",)
# Kinds of artifacts that are language models: for transformers, or in ONNX alone.
KINDS = (LanguageModelManifest.kind, OnnxManifest.kind)
ENGINES = ("torch", "onnx")
# Documents whose token vectors are in memory at once.
DOCUMENTS_AT_ONCE = 512


@dataclass
class ContextualEmbedder(Embedder):
    """A language model and its tokenizer.

    Attributes:
        pooling: Pooling of token vectors into a document's vector.
        truncated: Number of documents longer than the context length.
    """

    encoder: ModelEncoder
    tokenizer: LibraryTokenizer
    pooling: Pooling = MEANS
    component: Component | None = None
    truncated: int = 0
    _frame: tuple[IdArray, IdArray] = field(init=False)

    options: ClassVar[EncodeOptions] = EncodeOptions(add_special=True)
    # torch has threads of its own.
    in_threads: ClassVar[bool] = False

    def __post_init__(self) -> None:
        before, after = self.tokenizer.frame
        self._frame = np.array(before, dtype=np.uint32), np.array(after, dtype=np.uint32)

    @property
    def dim(self) -> int:
        return self.encoder.dim

    def means(self, ids: Ids) -> FloatArray:
        self.pooling.check()
        return self.encoder.pool(self.within(ids), self.pooling)

    def tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        for part in batches_of(self.within(ids), DOCUMENTS_AT_ONCE):
            yield from self._tokens(part)

    def _tokens(self, ids: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        vectors: list[FloatArray] = [np.zeros((0, self.dim), dtype=np.float32)] * len(ids)
        for numbers, batch in self.encoder.tokens(ids):
            for number, rows in zip(numbers.tolist(), batch, strict=True):
                vectors[number] = rows
        before, after = map(len, self._frame)
        for (start, end), rows in zip(spans(ids.ends), vectors, strict=True):
            yield ids.data[start + before : end - after], iter((rows[before : len(rows) - after],))

    def with_vectors(self, ids: Ids) -> Ids:
        most, (before, after) = self.encoder.context, map(len, self._frame)
        lengths = ids.lengths
        place = np.arange(len(ids.data)) - np.repeat(ids.ends - lengths, lengths)
        last = np.repeat(np.minimum(lengths, most) - after, lengths)
        inside = (place >= before) & (place < last)
        return Ids(ids.data[inside], np.cumsum(np.minimum(lengths, most) - before - after))

    def within(self, ids: Ids) -> Ids:
        """Documents truncated to the context length; the special tokens at the end are kept."""
        lengths = ids.lengths
        most, after = self.encoder.context, self._frame[1]
        long = lengths > most
        if not long.any():
            return ids
        self.truncated += int(long.sum())
        keep = np.ones(len(ids.data), dtype=np.bool_)
        for end, length in zip(ids.ends[long].tolist(), lengths[long].tolist(), strict=True):
            keep[end - length + most - len(after) : end - len(after)] = False
        return Ids(ids.data[keep], np.cumsum(np.minimum(lengths, most)))


def is_language_model(folder: str | Path) -> bool:
    """True if a folder holds a language model, of tokit or transformers."""
    kind = kind_of(folder)
    if kind is not None:
        return kind in KINDS
    has_config = (Path(folder) / CONFIG).is_file()
    return has_config and read_config(folder).get("model_type") not in (None, *STATIC_TYPES)


def refuse_missing(folder: str | Path) -> None:
    """Refuse a path that does not exist.

    Raises:
        ArtifactError: it does not exist.
    """
    if not Path(folder).exists():
        raise ArtifactError(f"{folder}: no such file or folder", hint=near_names(folder))


def open_contextual_embedder(
    folder: str | Path, *, layer: str | None = None, engine: str | None = None, int8: bool = False
) -> ContextualEmbedder:
    """Open a language model for embedding text.

    Args:
        folder: A folder of tokit, or of transformers with a tokenizer.json.
        layer: See `tokit.lm.folder.layers.chosen_layers`; not in ONNX Runtime.
        engine: "torch", or "onnx" for ONNX Runtime, which needs no torch; None chooses by the kind of the folder.
        int8: In ONNX Runtime, open the model with int8 matrices.

    Raises:
        MissingExtraError: torch and transformers, or ONNX Runtime, are not installed.
        ArtifactError: there is no such folder, it is damaged, or it has no model for this engine.
        UsageError: the model has no such layer, or options contradict each other.
    """
    path = Path(folder)
    named = _engine(path, engine, layer=layer, int8=int8)
    if named == "torch":
        require_lm_extra(f"{folder}: a language model")
        check_layer(path, layer)
    else:
        require_onnx(f"{folder}: a model in ONNX")
    tokenizer = load_tokenizer(path)
    if not isinstance(tokenizer, LibraryTokenizer):
        raise ArtifactError(f"{folder}: it has no tokenizer.json", hint="give a folder with one")
    pad, context, pooling = tokenizer.special_ids.get("pad", 0), context_of(path), _pooling(path)
    if named == "onnx":
        file = find_onnx(path, int8=int8)
        if file is None:
            raise _no_onnx(path, int8=int8)
        session = load_onnx_encoder(file, pad=pad, context=context, threads=thread_count())
        return ContextualEmbedder(session, tokenizer, pooling)
    from tokit.lm.torch_encoder import load_encoder

    encoder = load_encoder(path, pad=pad, context=context, layer=layer, threads=thread_count())
    return ContextualEmbedder(encoder, tokenizer, pooling)


def _pooling(folder: Path) -> Pooling:
    """Pooling by sentence-transformers' files, or by the manifest of a folder of ONNX, which has none of these."""
    if kind_of(folder) != OnnxManifest.kind:
        return pooling_of(folder)
    return Pooling(read_manifest(folder, OnnxManifest).pooling, str(folder))


def _engine(folder: Path, named: str | None, *, layer: str | None, int8: bool) -> str:
    if named is not None and named not in ENGINES:
        raise UsageError(f"unknown --engine '{named}'", hint=did_you_mean(named, list(ENGINES)))
    only_onnx = kind_of(folder) == OnnxManifest.kind
    if only_onnx and named == "torch":
        raise UsageError(
            f"{folder} is an ONNX model, which torch does not load", hint="give the model it was exported from"
        )
    engine = named or ("onnx" if only_onnx else "torch")
    if engine == "onnx" and layer is not None:
        raise UsageError("--layer: an ONNX model has its last layer only", hint="--engine torch")
    if engine == "torch" and int8:
        raise UsageError("--int8 is for --engine onnx", hint="tokit export MODEL --to onnx --int8 -o DIR")
    return engine


def _no_onnx(folder: Path, *, int8: bool) -> ArtifactError:
    what, more = ("int8 ONNX model", " --int8") if int8 else ("ONNX model", "")
    return ArtifactError(
        f"{folder} has no {what}", hint=f"tokit export MODEL --to onnx{more} -o DIR, then tokit embed -e DIR"
    )


def context_of(folder: Path) -> int:
    """Context length of a model, by tokit's manifest or by its own files.

    Raises:
        ArtifactError: a file is damaged.
    """
    if kind_of(folder) is not None:
        manifest = read_manifest(folder)
        if isinstance(manifest, LanguageModelManifest | OnnxManifest):
            return manifest.context_length
    return longest_document(folder)
