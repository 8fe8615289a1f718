"""Open an embedder: a static embedding, a language model, or a model in ONNX."""

from __future__ import annotations

from pathlib import Path

from tokit.embedding.static_embedder import DEFAULT_SIF, POOLS, Embedder, open_static_embedder
from tokit.embedding.word_embedder import WordEmbedder
from tokit.errors import UsageError
from tokit.lm.contextual_embedder import is_language_model, open_contextual_embedder
from tokit.registry import did_you_mean
from tokit.storage.hub_names import local_path


def load_embedder(
    folder: str | Path,
    *,
    pool: str | None = None,
    sif_a: float | None = None,
    layer: str | None = None,
    engine: str | None = None,
    int8: bool = False,
    words: bool = False,
) -> Embedder:
    """Open an embedding by the kind of its folder.

    >>> import tokit
    >>> tokit.load_embedder("emb").embed(["the river bank"]).shape
    (1, 128)

    Args:
        folder: A static embedding, a language model of tokit or transformers, or a model in ONNX; or the name of one
            on the Hugging Face Hub.
        pool: Of a static embedding: "mean" (the default), "sif" or "idf". A language model has its own pooling.
        sif_a: Of a static embedding: smoothing of SIF, dimensionless; None is 1e-3.
        layer: Of a language model in torch: a number, "last4" or "mix"; None is the last layer.
        engine: Of a language model: "torch", or "onnx" for ONNX Runtime; None goes by the folder.
        int8: In ONNX Runtime, the model with int8 weights.
        words: Give the vectors of words, means of their pieces, in place of those of tokens.

    Raises:
        MissingExtraError: torch and transformers, or ONNX Runtime, are not installed.
        ArtifactError: no such folder, or a damaged one.
        UsageError: an unknown pooling, layer or engine, or an option of the other kind of embedding.
    """
    embedder: Embedder
    folder = local_path(folder)
    if is_language_model(folder):
        _check_pool(pool)
        embedder = open_contextual_embedder(folder, layer=layer, engine=engine, int8=int8)
    else:
        embedder = open_static_embedder(folder, pool=pool or "mean", a=DEFAULT_SIF if sif_a is None else sif_a)
        for option, value in (("--layer", layer), ("--engine", engine), ("--int8", int8)):
            if value:
                raise UsageError(f"{option}: {folder} is not a language model", hint=f"leave {option} out")
    return WordEmbedder(embedder) if words else embedder


def _check_pool(pool: str | None) -> None:
    if pool is not None and pool not in POOLS:
        raise UsageError(f"unknown --pool '{pool}'", hint=did_you_mean(pool, list(POOLS)))
    if pool not in (None, "mean"):
        raise UsageError(
            f"--pool {pool} is for static embeddings", hint="a language model takes the mean, or what its folder says"
        )
