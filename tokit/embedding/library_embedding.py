"""A static embedding that sentence-transformers or model2vec has saved, opened as one of tokit's."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokit.arrays import IntArray
from tokit.embedding.embedding_folder import COUNTED_ONCE, StaticEmbedding, TextVectorRules, resaved_files
from tokit.embedding.static_folder import (
    MODEL2VEC,
    StaticFolder,
    find_static_folder,
    median_token_length,
    read_static_vectors,
    unknown_token,
)
from tokit.errors import ArtifactError
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import kind_of, read_manifest, sha256_file
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.notes import announce


def open_library_embedding(folder: str | Path) -> StaticEmbedding:
    """Open a static embedding of another library; what is not followed of it is announced.

    Raises:
        ArtifactError: there is none, or its files do not fit each other.
    """
    found = find_static_folder(folder)
    if found is None:
        raise ArtifactError(f"{folder}: no static embedding", hint="tokit inspect shows what a path is")
    vectors = read_static_vectors(found)
    if not np.isfinite(vectors).all():
        raise ArtifactError(f"{found.weights}: a number is not finite", hint="the training diverged? save it again")
    pieces = load_tokenizer(found.tokenizer).pieces
    if len(pieces) != len(vectors):
        raise ArtifactError(
            f"{found.tokenizer} has {len(pieces):,} ids, the embedding {len(vectors):,} rows", hint="save it again"
        )
    unknown = unknown_token(found.tokenizer)
    announce(folder, [*found.notes, *_stale_notes(folder, found)])
    # Rows of zeros stand for no text.
    counts: IntArray = np.asarray(vectors.any(axis=1)).astype(np.int64)
    return StaticEmbedding(
        vectors=vectors,
        token_counts=counts,
        document_frequencies=np.zeros_like(counts),
        special=np.array(pieces.special, dtype=np.bool_),
        unknown_id=unknown,
        tokenizer=found.tokenizer,
        manifest=_manifest(found, vectors.shape, pieces.special.nonzero()[0].tolist(), unknown),
        texts=_rules(found),
    )


def _rules(found: StaticFolder) -> TextVectorRules:
    characters = None
    if found.library == MODEL2VEC and found.max_length is not None:
        characters = found.max_length * median_token_length(found.tokenizer)
    return TextVectorRules(found.skips_unknown, found.normalize, found.max_length, characters)


def _manifest(
    found: StaticFolder, shape: tuple[int, ...], special: list[int], unknown: int | None
) -> EmbeddingManifest:
    return EmbeddingManifest(
        family=found.library,
        vocab_size=shape[0],
        dim=shape[1],
        params={},
        tokenizer_family="foreign",
        tokenizer_sha256=sha256_file(found.tokenizer),
        special_ids=special,
        unknown_id=unknown,
        tokens_seen=shape[0],
        token_counts=COUNTED_ONCE,
        document_frequencies="unknown",
        reproducible=False,
        not_reproducible_because=f"{found.library} saved it",
    )


def _stale_notes(folder: str | Path, found: StaticFolder) -> list[str]:
    """A note on a manifest that another library left when it wrote over the files."""
    if kind_of(folder) is None:
        return []
    manifest = read_manifest(folder, EmbeddingManifest)
    changed = " and ".join(resaved_files(folder, manifest))
    return [
        f"{changed} changed after tokit.json was written: opened as what {found.library} has saved; counts, n-grams and"
        f" output vectors of the {manifest.family} training are not used"
    ]
