"""`tokit distill`: turn a language model into a static embedding of the pieces of a tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray
from tokit.corpus import Corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.embedding.base import Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.plain_tokenizer import FitTokenizer, fit_tokenizer
from tokit.errors import TrainingError, UsageError
from tokit.lm.contextual_embedder import is_language_model, open_contextual_embedder, refuse_missing
from tokit.lm.folder.config import read_config
from tokit.lm.piece_vectors import Bools, Frequencies, count_pieces, known_counts, piece_vectors, weighted_vectors
from tokit.progress import Tick, silent
from tokit.storage.embedding_manifest import DistillFacts, EmbeddingManifest
from tokit.storage.folder import check_target, dump_json, kind_of, read_manifest, sha256_file, writing
from tokit.storage.hub_names import hub_sources, local_path, origin_of
from tokit.storage.model_manifests import LanguageModelManifest, OnnxManifest
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.tokenizer_folder import tokenizer_config

FAMILY = "distill"
WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillReport(ReadReport):
    """Result of distilling.

    Attributes:
        known: Number of pieces with a vector.
        dim: Dimension of the vectors.
        hidden: Dimension of the model's vectors.
        counts: "corpus": pieces are weighted by their frequency in a text. "rank": by their rank in the vocabulary.
        explained: Fraction of the variance that the principal components keep.
        documents: Number of documents of the text.
    """

    path: str
    vocab_size: int
    known: int
    dim: int
    hidden: int
    counts: str
    explained: float
    documents: int


def distill(
    model: str | Path,
    out: str | Path,
    *,
    tokenizer: str | Path | Tokenizer | None = None,
    corpus: Corpus | None = None,
    dim: int | None = None,
    a: float | None = None,
    layer: str | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> DistillReport:
    """Turn a language model into a static embedding.

    Args:
        model: A folder of a language model, of tokit or transformers.
        out: The folder to write.
        tokenizer: The tokenizer whose pieces get vectors; None takes the model's own. The texts of another tokenizer's
            pieces are encoded with the model's.
        corpus: Text to count the pieces in; None estimates their frequencies from the order of the vocabulary.
        dim: Dimension of the vectors; None takes 256, or the model's own when it is smaller.
        a: SIF coefficient, > 0: the weight of a piece is a / (a + frequency). None takes Model2Vec's.
        layer: Layer of the model, as in `tokit embed`.
        overwrite: Replace an existing artifact.
        tick: Progress.

    Raises:
        UsageError: a number is out of range, or the folder holds no language model.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: the text cannot be read, or there is none.
        TrainingError: there are too few pieces.
        ArtifactError: the model or the tokenizer cannot be opened, or the folder cannot be written.
    """
    check_target(out, overwrite=overwrite)
    model = local_path(model)
    if not is_language_model(model):
        refuse_missing(model)
        raise UsageError(f"{model} is no language model", hint="tokit fit bert … -o MODEL trains one")
    _check_size(Path(model), dim, a)
    embedder = open_contextual_embedder(model, layer=layer)
    from tokit.lm.distillation import DEFAULT_DIM, DEFAULT_SIF, principal_components

    size, coefficient = _checked(
        min(DEFAULT_DIM, embedder.dim) if dim is None else dim, DEFAULT_SIF if a is None else a, embedder.dim
    )
    source = fit_tokenizer(_tokenizer(tokenizer, model))
    frequencies = count_pieces(corpus, source, tick)
    vectors, known = piece_vectors(embedder, source.pieces, own=tokenizer is None, tick=tick)
    if int(known.sum()) < 2:
        raise TrainingError("fewer than two pieces of the tokenizer are text", hint="use another tokenizer")
    components = principal_components(vectors[known], size)
    params = {"dim": size, "sif_a": coefficient, "layer": layer}
    table = weighted_vectors(components, known, frequencies, coefficient)
    teacher = model_facts(Path(model), explained=components.explained)
    _save(
        table,
        known,
        frequencies,
        source,
        params=params,
        teacher=teacher,
        origin=origin_of(model),
        out=out,
        overwrite=overwrite,
    )
    facts = frequencies.facts
    return DistillReport(
        path=str(out),
        vocab_size=len(known),
        known=int(known.sum()),
        dim=size,
        hidden=embedder.dim,
        counts="corpus" if facts else "rank",
        explained=components.explained,
        documents=facts.documents if facts else 0,
        **read_facts(corpus),
    )


def _check_size(model: Path, dim: int | None, a: float | None) -> None:
    """Check the numbers before the model is loaded, as far as its configuration allows."""
    hidden = None if kind_of(model) == OnnxManifest.kind else read_config(model).get("hidden_size")
    most = hidden if isinstance(hidden, int) else max(dim or 1, 1)
    _checked(most if dim is None else dim, 1.0 if a is None else a, most)


def _checked(dim: int, a: float, hidden: int) -> tuple[int, float]:
    if not 1 <= dim <= hidden:
        raise UsageError(f"--dim {dim}: the model has {hidden} dimensions", hint=f"--dim {min(hidden, max(dim, 1))}")
    if not 0 < a < float("inf"):
        raise UsageError(f"--sif-a {a:g}: not a positive number", hint="--sif-a 0.0001")
    return dim, a


def _tokenizer(tokenizer: str | Path | Tokenizer | None, model: str | Path) -> Tokenizer:
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    return load_tokenizer(model if tokenizer is None else tokenizer)


def model_facts(model: Path, *, explained: float) -> DistillFacts:
    """Entry of a manifest about the model that was distilled."""
    own = kind_of(model) == LanguageModelManifest.kind
    manifest = read_manifest(model, LanguageModelManifest) if own else None
    weights = model / WEIGHTS
    return DistillFacts(
        family=manifest.family if manifest else None,
        tokenizer_sha256=manifest.tokenizer_sha256 if manifest else None,
        corpus=manifest.corpus if manifest else None,
        weights_sha256=sha256_file(weights) if weights.is_file() else None,
        explained=explained,
    )


def _save(
    table: FloatArray,
    known: Bools,
    frequencies: Frequencies,
    source: FitTokenizer,
    *,
    params: dict[str, Any],
    teacher: DistillFacts,
    origin: str,
    out: str | Path,
    overwrite: bool,
) -> None:
    # A distilled table has no state to continue training from.
    fitted = Fitted(vectors=table, output=np.zeros((0, table.shape[1]), dtype=np.float32))
    facts = frequencies.facts
    with writing(out, overwrite=overwrite) as draft:
        write_vectors(draft.path, fitted, known_counts(known, frequencies), np.where(known, frequencies.documents, 0))
        (draft.path / TOKENIZER).write_text(library_json(source.plain.library), encoding="utf-8")
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = EmbeddingManifest(
            family=FAMILY,
            vocab_size=len(table),
            dim=table.shape[1],
            tokenizer_family=source.original.family,
            tokenizer_sha256=source.original.sha256,
            special_ids=source.pieces.special.nonzero()[0].tolist(),
            unknown_id=source.pieces.unknown_id,
            tokens_seen=int(known.sum()),
            token_counts="corpus" if facts else "rank",
            reproducible=True,
            params=params,
            corpus=facts,
            document_frequencies="corpus" if facts else "unknown",
            distilled=teacher,
            sources=hub_sources(origin, source.original.identity.source),
        )
