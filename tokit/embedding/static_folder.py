"""Static embeddings that sentence-transformers and model2vec have saved.

Their vectors of a text are those that the library gives: sentence-transformers takes the mean of all tokens, model2vec
leaves the unknown one out and truncates long texts. A row is the vector of a token id, after a mapping and weights
where the vocabulary is quantized. Read by model2vec 0.10 and sentence-transformers 6.2 (`load_pretrained`,
`StaticEmbedding.load`); 16-bit and 8-bit numbers are computed with in 32 bits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.errors import ArtifactError
from tokit.storage.folder import read_json

MODEL2VEC, SENTENCE_TRANSFORMERS = "model2vec", "sentence-transformers"
# What `tokit inspect` calls them.
KINDS = {MODEL2VEC: "model2vec model", SENTENCE_TRANSFORMERS: "sentence-transformers static embedding"}
WEIGHTS, TOKENIZER, CONFIG, MODULES = "model.safetensors", "tokenizer.json", "config.json", "modules.json"
SENTENCE_CONFIG = "config_sentence_transformers.json"
# The folder of the module in versions of sentence-transformers before 4.
NESTED = "0_StaticEmbedding"
STATIC_MODULE, NORMALIZE_MODULE = "StaticEmbedding", "Normalize"
MODEL2VEC_KEY, SENTENCE_KEY = "embeddings", "embedding.weight"
# model2vec's length of texts where its config names none.
DEFAULT_MAX_LENGTH = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticFolder:
    """The files and settings of a static embedding of another library.

    Attributes:
        library: `MODEL2VEC` or `SENTENCE_TRANSFORMERS`.
        weights: The file of the vectors.
        tokenizer: The file of the tokenizer.
        normalize: Vectors of texts have length one.
        max_length: Tokens of a text that count; None for all.
        dtype: Type of the stored numbers.
        notes: Settings that tokit does not follow.
    """

    library: str
    weights: Path
    tokenizer: Path
    normalize: bool
    max_length: int | None
    dtype: str
    notes: tuple[str, ...] = ()

    @property
    def skips_unknown(self) -> bool:
        """True if the unknown token is left out of the mean."""
        return self.library == MODEL2VEC


def find_static_folder(folder: str | Path) -> StaticFolder | None:
    """The static embedding of another library at a path; None if there is none.

    Raises:
        ArtifactError: it is one, and has a part that tokit does not read.
    """
    root = Path(folder)
    for place in (root, root / NESTED):
        weights, tokenizer = place / WEIGHTS, place / TOKENIZER
        if weights.is_file() and tokenizer.is_file():
            dtypes = _dtypes(weights)
            if SENTENCE_KEY in dtypes and _first_module(root) == STATIC_MODULE:
                return _of_sentence_transformers(root, weights, tokenizer, dtypes[SENTENCE_KEY])
            if MODEL2VEC_KEY in dtypes and (root / CONFIG).is_file():
                return _of_model2vec(root, weights, tokenizer, dtypes[MODEL2VEC_KEY])
    if _first_module(root) == STATIC_MODULE and any(root.rglob("pytorch_model.bin")):
        raise ArtifactError(
            f"{folder}: its weights are a pickle of torch, which is never loaded",
            hint="save it with safetensors: SentenceTransformer(folder).save_pretrained(folder)",
        )
    return None


def read_static_vectors(found: StaticFolder) -> FloatArray:
    """One vector a token id, float32, the mapping and the weights applied.

    Raises:
        ArtifactError: the file is damaged, or its parts do not fit each other.
    """
    tensors = _tensors(found.weights)
    rows = tensors[MODEL2VEC_KEY if found.library == MODEL2VEC else SENTENCE_KEY]
    mapping, weights = tensors.get("mapping"), tensors.get("weights")
    try:
        if rows.ndim != 2 or rows.dtype.kind not in "fi":
            raise ValueError(f"shape {rows.shape} of {rows.dtype}")
        # The products are rounded once, as the library does.
        vectors = rows if mapping is None else rows[mapping]
        if weights is not None:
            vectors = vectors.astype(np.promote_types(vectors.dtype, np.float32)) * weights[:, None]
    except (ValueError, IndexError) as error:
        raise ArtifactError(
            f"{found.weights}: its parts do not fit each other: {error}", hint="save it again"
        ) from error
    return np.ascontiguousarray(vectors, dtype=np.float32)


def unknown_token(tokenizer: Path) -> int | None:
    """The id of the unknown token as the model of a tokenizer.json names it."""
    content = read_json(tokenizer)
    model = content.get("model", {})
    if isinstance(model.get("unk_id"), int):
        return int(model["unk_id"])
    text, vocab = model.get("unk_token"), model.get("vocab")
    added = {token.get("content"): token.get("id") for token in content.get("added_tokens") or []}
    found = added.get(text, vocab.get(text) if isinstance(vocab, dict) else None)
    return found if isinstance(found, int) else None


def median_token_length(tokenizer: Path) -> int:
    """The median of the tokens' characters; model2vec truncates a text to so many for each token that counts."""
    from tokenizers import Tokenizer

    names = Tokenizer.from_file(str(tokenizer)).get_vocab()
    return int(np.median([len(name) for name in names]))


def _of_sentence_transformers(root: Path, weights: Path, tokenizer: Path, dtype: str) -> StaticFolder:
    names = _module_names(root)
    if any(name != NORMALIZE_MODULE for name in names[1:]):
        raise ArtifactError(
            f"{root}: its modules {', '.join(names)} are more than a static embedding",
            hint="tokit reads StaticEmbedding, and Normalize behind it",
        )
    truncation = read_json(tokenizer).get("truncation") or {}
    if truncation.get("direction", "Right") != "Right":
        raise ArtifactError(f"{tokenizer}: truncates texts at their start", hint="tokit truncates at the end only")
    return StaticFolder(
        library=SENTENCE_TRANSFORMERS,
        weights=weights,
        tokenizer=tokenizer,
        normalize=NORMALIZE_MODULE in names,
        max_length=truncation.get("max_length"),
        dtype=dtype,
        notes=_prompt_notes(root),
    )


def _of_model2vec(root: Path, weights: Path, tokenizer: Path, dtype: str) -> StaticFolder:
    config = read_json(root / CONFIG)
    limit = config.get("max_length", DEFAULT_MAX_LENGTH)
    return StaticFolder(
        library=MODEL2VEC,
        weights=weights,
        tokenizer=tokenizer,
        normalize=bool(config.get("normalize")),
        max_length=limit if isinstance(limit, int) else None,
        dtype=dtype,
    )


def _prompt_notes(root: Path) -> tuple[str, ...]:
    if not (root / SENTENCE_CONFIG).is_file():
        return ()
    config = read_json(root / SENTENCE_CONFIG)
    prompt = (config.get("prompts") or {}).get(config.get("default_prompt_name"))
    return (f"sentence-transformers puts '{prompt}' before each text, and tokit does not",) if prompt else ()


def _first_module(root: Path) -> str | None:
    names = _module_names(root)
    return names[0] if names else None


def _module_names(root: Path) -> list[str]:
    """Names of the classes of a sentence-transformers folder."""
    if not (root / MODULES).is_file():
        return []
    modules = read_json(root / MODULES)
    entries: list[Any] = modules if isinstance(modules, list) else []
    return [str(entry.get("type", "")).rpartition(".")[2] for entry in entries if isinstance(entry, dict)]


def _dtypes(path: Path) -> dict[str, str]:
    """Name → type of the tensors of a file; empty where it is no safetensors file."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size)) if size <= path.stat().st_size else {}
    except (OSError, ValueError):
        return {}
    return {name: entry["dtype"] for name, entry in header.items() if isinstance(entry, dict) and "dtype" in entry}


def _tensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError) as error:
        # NumPy has no bfloat16, and the library then raises errors of several kinds.
        raise ArtifactError(
            f"{path}: cannot be read: {error}", hint="damaged? or bfloat16: save it as float32"
        ) from error
