"""Vectors that change with the text around, for `tokit embed`: a model's layers in place of a table."""

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

# Folders of transformers that are tables, not models.
STATIC_TYPES = ("model2vec",)
# Kinds of artifacts that are language models: as transformers loads them, or as a graph alone.
KINDS = (LanguageModelManifest.kind, OnnxManifest.kind)
ENGINES = ("torch", "onnx")
# Documents whose tokens' vectors are held at once.
DOCUMENTS_AT_ONCE = 512


@dataclass
class ContextualEmbedder(Embedder):
    """A language model and its tokenizer.

    Attributes:
        pooling: How a document's vector is made of its tokens'.
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
        for some in batches_of(self.within(ids), DOCUMENTS_AT_ONCE):
            yield from self._tokens(some)

    def _tokens(self, kept: Ids) -> Iterator[tuple[IdArray, Iterator[FloatArray]]]:
        vectors: list[FloatArray] = [np.zeros((0, self.dim), dtype=np.float32)] * len(kept)
        for numbers, some in self.encoder.tokens(kept):
            for number, rows in zip(numbers.tolist(), some, strict=True):
                vectors[number] = rows
        before, after = map(len, self._frame)
        for (start, end), rows in zip(spans(kept.ends), vectors, strict=True):
            yield kept.data[start + before : end - after], iter((rows[before : len(rows) - after],))

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
    """True when a folder holds a language model, ours or of transformers."""
    kind = kind_of(folder)
    if kind is not None:
        return kind in KINDS
    there = (Path(folder) / CONFIG).is_file()
    return there and read_config(folder).get("model_type") not in (None, *STATIC_TYPES)


def refuse_missing(folder: str | Path) -> None:
    """Refuse a path at which there is nothing, before it is called no language model.

    Raises:
        ArtifactError: there is nothing.
    """
    if not Path(folder).exists():
        raise ArtifactError(f"{folder}: no such file or folder", hint=near_names(folder))


def open_contextual_embedder(
    folder: str | Path, *, layer: str | None = None, engine: str | None = None, int8: bool = False
) -> ContextualEmbedder:
    """Open a language model for embedding text.

    Args:
        folder: Ours, or one that transformers loads and whose tokenizer is a tokenizer.json.
        layer: See `tokit.lm.torch_encoder.chosen_layers`; not in ONNX Runtime.
        engine: "torch", or "onnx" for ONNX Runtime, which needs no torch; None takes what the folder is for.
        int8: In ONNX Runtime, the model whose matrices are int8.

    Raises:
        MissingExtraError: torch and transformers, or ONNX Runtime, are not installed.
        ArtifactError: no such folder, or a damaged one, or none for this engine.
        UsageError: a layer that the model does not have, or options that do not fit.
    """
    path = Path(folder)
    named = _engine(path, engine, layer=layer, int8=int8)
    if named == "torch":
        require_lm_extra(f"{folder}: a language model")
    else:
        require_onnx(f"{folder}: a model in ONNX")
    tokenizer = load_tokenizer(path)
    if not isinstance(tokenizer, LibraryTokenizer):
        raise ArtifactError(f"{folder}: its tokenizer is no tokenizer.json", hint="give a folder that has one")
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
    """What sentence-transformers' files ask for; in a folder of ONNX, which has none of these, the manifest."""
    if kind_of(folder) != OnnxManifest.kind:
        return pooling_of(folder)
    return Pooling(read_manifest(folder, OnnxManifest).pooling, str(folder))


def _engine(folder: Path, named: str | None, *, layer: str | None, int8: bool) -> str:
    if named is not None and named not in ENGINES:
        raise UsageError(f"unknown --engine '{named}'", hint=did_you_mean(named, list(ENGINES)))
    only_onnx = kind_of(folder) == OnnxManifest.kind
    if only_onnx and named == "torch":
        raise UsageError(
            f"{folder} is a model in ONNX, which torch does not load", hint="give the model it was made of"
        )
    engine = named or ("onnx" if only_onnx else "torch")
    if engine == "onnx" and layer is not None:
        raise UsageError("--layer: a model in ONNX gives its last layer alone", hint="--engine torch")
    if engine == "torch" and int8:
        raise UsageError("--int8 is for --engine onnx", hint="tokit export MODEL --to onnx --int8 -o DIR")
    return engine


def _no_onnx(folder: Path, *, int8: bool) -> ArtifactError:
    what, more = ("int8 model in ONNX", " --int8") if int8 else ("model in ONNX", "")
    return ArtifactError(
        f"{folder} has no {what}", hint=f"tokit export MODEL --to onnx{more} -o DIR, then tokit embed -e DIR"
    )


def context_of(folder: Path) -> int:
    """Tokens that a model takes: by our manifest, or by its own files.

    Raises:
        ArtifactError: a file is damaged.
    """
    if kind_of(folder) is not None:
        manifest = read_manifest(folder)
        if isinstance(manifest, LanguageModelManifest | OnnxManifest):
            return manifest.context_length
    return longest_document(folder)
