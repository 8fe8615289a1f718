"""The folder of a static embedding.

It is what `sentence_transformers.SentenceTransformer(folder)` and `model2vec.StaticModel.from_pretrained(folder)`
load; what only tokit reads lies in `training.safetensors`: `token_counts`, `document_frequencies` and `output`; of an
embedding with n-grams also `own`, `ngrams` and `ngram_buckets`, for words that are no token.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import Fitted
from tokit.embedding.ngrams import NgramTable
from tokit.embedding.static_folder import find_static_folder
from tokit.errors import ArtifactError
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import dump_json, kind_of, read_manifest, sha256_file
from tokit.storage.safetensors import Rows, mapped_tensor, write_tensors

VECTORS, TRAINING, TOKENIZER = "model.safetensors", "training.safetensors", "tokenizer.json"
# What the manifest of imported words says that came without counts and in no order.
COUNTED_ONCE = "ones"
# transformers takes a folder of this version or a newer one for sound, and does not warn about its pattern.
TRANSFORMERS_VERSION = "5.0.0"


@dataclass(frozen=True, slots=True)
class TextVectorRules:
    """Rules by which vectors of tokens become one of a text. tokit's own rule is the mean of all but the unknown token.

    Attributes:
        skips_unknown: The unknown token is left out.
        normalize: The mean is scaled to length one.
        max_length: Number of tokens that count; None for all.
        max_characters: Number of characters that are tokenized; None for all.
    """

    skips_unknown: bool = True
    normalize: bool = False
    max_length: int | None = None
    max_characters: int | None = None


PLAIN_MEANS = TextVectorRules()


@dataclass(frozen=True, slots=True)
class StaticEmbedding:
    """One vector a token.

    Attributes:
        vectors: Row i is token id i; float32, shape (vocab, dim).
        token_counts: How often the training corpus has each id; int64, shape (vocab,).
        document_frequencies: How many of its documents hold each id; int64, shape (vocab,).
        special: True for special tokens; shape (vocab,).
        unknown_id: The id of the unknown token, if there is one.
        tokenizer: The file of the tokenizer whose ids these are.
        manifest: How it was made.
        texts: How vectors of tokens become one of a text.
    """

    vectors: FloatArray
    token_counts: IntArray
    document_frequencies: IntArray
    special: npt.NDArray[np.bool_]
    unknown_id: int | None
    tokenizer: Path
    manifest: EmbeddingManifest
    texts: TextVectorRules = PLAIN_MEANS

    @property
    def documents(self) -> int | None:
        """Documents that `document_frequencies` are of, those before a start included; None: nothing is known."""
        corpus, warm_start = self.manifest.corpus, self.manifest.warm_start
        return None if corpus is None else corpus.documents + (warm_start.documents if warm_start else 0)

    @property
    def counted(self) -> bool:
        """True if `token_counts` are counts: words that were imported without counts have one each."""
        return self.manifest.token_counts != COUNTED_ONCE

    @property
    def seen(self) -> npt.NDArray[np.bool_]:
        """Tokens that the training corpus has; shape (vocab,)."""
        mask: npt.NDArray[np.bool_] = self.token_counts > 0
        return mask

    @property
    def ordinary(self) -> npt.NDArray[np.bool_]:
        """Tokens that stand for a text: all but the special ones and the unknown one; shape (vocab,)."""
        mask = ~self.special
        if self.unknown_id is not None:
            mask[self.unknown_id] = False
        return mask


def write_vectors(folder: Path, fitted: Fitted, token_counts: IntArray, document_frequencies: IntArray) -> None:
    """Write all but the tokenizer and the manifest.

    Raises:
        OSError: the disk is full.
    """
    write_tensors(folder / VECTORS, {"embeddings": fitted.vectors})
    training: dict[str, Rows] = {
        "token_counts": token_counts,
        "document_frequencies": document_frequencies,
        "output": fitted.output,
    }
    if fitted.ngrams is not None:
        table = fitted.ngrams
        training |= {"own": table.own, "ngrams": table.ngrams, "ngram_buckets": table.ngram_buckets}
    write_tensors(folder / TRAINING, training)
    dump_json(_config(fitted.vectors), folder / "config.json")
    # The old name of the class: sentence-transformers 3 to 6 know it.
    module = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding"}
    dump_json([module], folder / "modules.json")


def _config(vectors: FloatArray) -> dict[str, Any]:
    return {
        "model_type": "model2vec",
        "architectures": ["StaticModel"],
        "hidden_dim": vectors.shape[1],
        "embedding_dtype": str(vectors.dtype),
        # Both libraries then give the plain mean, however long the text.
        "normalize": False,
        "max_length": None,
        "transformers_version": TRANSFORMERS_VERSION,
    }


def load_embedding(folder: str | Path) -> StaticEmbedding:
    """Open an embedding folder: of tokit, or a static embedding that sentence-transformers or model2vec has saved.

    Raises:
        ArtifactError: it is none, or its files are missing, damaged, or do not fit each other.
    """
    manifest = own_manifest(folder)
    if manifest is None:
        from tokit.embedding.library_embedding import open_library_embedding

        return open_library_embedding(folder)
    path = Path(folder)
    vectors = _tensor(path / VECTORS, "embeddings")
    counts, frequencies = (_tensor(path / TRAINING, name) for name in ("token_counts", "document_frequencies"))
    size, dim = manifest.vocab_size, manifest.dim
    special_ids, unknown_id = manifest.special_ids, manifest.unknown_id
    fits = vectors.shape == (size, dim) and counts.shape == frequencies.shape == (size,)
    # Kernels take numbers for what they should be.
    fits = fits and vectors.dtype == np.float32 and counts.dtype == frequencies.dtype == np.int64
    named = [*special_ids, *([] if unknown_id is None else [unknown_id])]
    fits = fits and all(0 <= i < len(vectors) for i in named)
    if not fits or not np.isfinite(vectors).all():
        raise ArtifactError(f"{folder}: its files do not fit each other", hint="fit it again")
    special = np.zeros(len(vectors), dtype=np.bool_)
    special[special_ids] = True
    return StaticEmbedding(vectors, counts, frequencies, special, unknown_id, path / TOKENIZER, manifest)


def own_manifest(folder: str | Path) -> EmbeddingManifest | None:
    """The manifest of an embedding folder; None where it is not of these vectors, but another library has saved them.

    Raises:
        ArtifactError: no embedding.
    """
    if kind_of(folder) is None and find_static_folder(folder) is not None:
        return None
    manifest = read_manifest(folder, EmbeddingManifest)
    return None if resaved_files(folder, manifest) and find_static_folder(folder) is not None else manifest


def resaved_files(folder: str | Path, manifest: EmbeddingManifest) -> list[str]:
    """Files of vectors and tokenizer that are no longer those that a manifest is of.

    sentence-transformers and model2vec write over them, and leave the manifest.
    """
    changed = []
    for name in (VECTORS, TOKENIZER):
        path = Path(folder) / name
        digest = manifest.files.get(name)
        if digest is not None and path.is_file() and _sha256(path, _stamp(path)) != digest:
            changed.append(name)
    return changed


@lru_cache(maxsize=16)
def _sha256(path: Path, _: tuple[int, int]) -> str:
    # A folder is opened several times in a run, and a large table takes a second.
    return sha256_file(path)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size


def load_ngrams(folder: str | Path) -> NgramTable | None:
    """The n-grams of an embedding folder; None when it has none. Rows are read when they are looked at.

    Raises:
        ArtifactError: no embedding, or its n-grams do not fit it.
    """
    manifest = own_manifest(folder)
    if manifest is None:
        return None
    path = Path(folder) / TRAINING
    own, ngrams, numbers = (mapped_tensor(path, name) for name in ("own", "ngrams", "ngram_buckets"))
    if own is None or ngrams is None or numbers is None:
        return None
    size, dim = manifest.vocab_size, manifest.dim
    settings: list[Any] = [manifest.params.get(name) for name in ("minn", "maxn", "bucket")]
    fits = own.shape == (size, dim) and ngrams.shape == (len(numbers), dim) and numbers.dtype == np.uint32
    if not fits or not all(isinstance(setting, int) for setting in settings) or not _ascends(numbers, settings[2]):
        raise ArtifactError(f"{folder}: its n-grams do not fit its vectors", hint="fit or import it again")
    return NgramTable(own, ngrams, numbers, *settings)


def load_output(folder: str | Path) -> FloatArray | None:
    """The other half of the model, which is for training; None when it was not kept.

    Raises:
        ArtifactError: no embedding, or a damaged one.
    """
    manifest = own_manifest(folder)
    if manifest is None:
        return None
    output = mapped_tensor(Path(folder) / TRAINING, "output")
    return output if output is not None and output.shape == (manifest.vocab_size, manifest.dim) else None


def _ascends(numbers: npt.NDArray[np.uint32], buckets: int) -> bool:
    return not len(numbers) or bool((numbers[1:] > numbers[:-1]).all() and int(numbers[-1]) < buckets)


def _tensor(path: Path, name: str) -> Any:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            return file.get_tensor(name)
    except (OSError, SafetensorError) as error:
        raise ArtifactError(f"{path}: cannot be read: {error}", hint="truncated or damaged? fit it again") from error
