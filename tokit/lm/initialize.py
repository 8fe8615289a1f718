"""Initial weights of a pre-training: a checkpoint, the vectors of a static embedding, frozen layers.

Rows of tokens are found as for static embeddings: by id with the same tokenizer, else by the text of the pieces.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokit.arrays import IntArray
from tokit.embedding.matching_rows import (
    BY_ID,
    BY_TEXT,
    NONE,
    found_rows,
    matching_rows,
    open_source_embedding,
    rows_by_text,
)
from tokit.errors import ArtifactError, UsageError
from tokit.lm.contextual_embedder import context_of
from tokit.lm.plan import InitOptions, PretrainPlan
from tokit.lm.pretrain_params import Shape
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.folder import kind_of
from tokit.storage.model_manifests import LanguageModelManifest
from tokit.storage.warm_start_facts import CHECKPOINT, EMBEDDING, WarmStartFacts
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.checkpoint import Checkpoint, WarmStart


@dataclass(frozen=True, slots=True, kw_only=True)
class InitReport:
    """Report of the initialization of a model.

    Attributes:
        path: The checkpoint, or the static embedding.
        matched: "id" with the same tokenizer; "text" with another one: rows were found by the text of the pieces.
        initialized: Tokens whose row was found there.
        random: Tokens whose row is random.
        dim: Dimension of the static embedding; None for a checkpoint.
        resized: How vectors of another dimension were fitted: "", "projected" or "padded".
        missing: Parameters that the checkpoint lacks, and that are random.
    """

    path: str
    matched: str
    initialized: int
    random: int
    dim: int | None = None
    resized: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInit:
    """The initial model of a training, opened and checked.

    Attributes:
        warm_start: Initial weights and frozen layers; none for a new model.
        shape: Shape of the model.
        context: Tokens that its folder says it takes; None leaves it to the parameters.
        facts: Source of the initial weights, for the manifest; None for random ones.
        report: None when the model is new, its input embeddings too.
    """

    warm_start: WarmStart
    shape: Shape
    context: int | None = None
    facts: WarmStartFacts | None = None
    report: InitReport | None = None


def tokenizer_of(tokenizer: str | Path | Tokenizer | None, init: InitOptions) -> Tokenizer:
    """The tokenizer that was given, or that of the checkpoint or of the vectors.

    Raises:
        UsageError: there is none.
    """
    where = tokenizer or init.checkpoint or init.vectors
    if where is None:
        raise UsageError("no tokenizer given", hint="-t TOK, or --from a checkpoint: it has its own")
    return where if isinstance(where, Tokenizer) else load_tokenizer(where)


def initialize_model(plan: PretrainPlan, original: Tokenizer, source: LibraryTokenizer) -> ModelInit:
    """Open what a training is initialized from, and check it before any text is read.

    Args:
        plan: The settings.
        original: The tokenizer as the user gave it.
        source: The same with the model's special tokens.

    Raises:
        UsageError: a checkpoint of another family or one that takes less context, an unknown layer.
        TrainingError: no token has a vector.
        ArtifactError: a folder is damaged, or not what it should be.
    """
    from tokit.lm.checkpoint import WarmStart, check_frozen

    if plan.init == InitOptions():
        return ModelInit(WarmStart(), plan.shape)
    if plan.init.checkpoint is not None:
        return _from_checkpoint(Path(plan.init.checkpoint), plan, original, source)
    freeze = plan.init.freeze
    check_frozen(plan.family, source.vocab_size, source.special_ids, plan.shape, plan.params, patterns=freeze)
    if plan.init.vectors is None:
        return ModelInit(WarmStart(freeze=freeze), plan.shape)
    return _from_vectors(plan.init.vectors, plan, original, source)


def _from_vectors(path: str | Path, plan: PretrainPlan, original: Tokenizer, source: LibraryTokenizer) -> ModelInit:
    from tokit.lm.checkpoint import Vectors, WarmStart

    embedding = open_source_embedding(path)
    matched, rows, known = matching_rows(embedding, original.pieces, original.sha256)
    # Special tokens that were added have no row.
    rows, known = (_extended(array, source.vocab_size, fill) for array, fill in ((rows, NONE), (known, False)))
    vectors = Vectors(found_rows(embedding.embedding.vectors, np.where(known, rows, NONE)), known)
    hidden = plan.shape.hidden_size
    resized = "projected" if embedding.dim > hidden else "padded" if embedding.dim < hidden else ""
    count = int(known.sum())
    report = InitReport(
        path=embedding.folder,
        matched=matched,
        initialized=count,
        random=len(known) - count,
        dim=embedding.dim,
        resized=resized,
    )
    facts = WarmStartFacts(
        source=EMBEDDING,
        family=embedding.embedding.manifest.family,
        matched=matched,
        initialized=count,
        resized=resized,
        files=embedding.files,
    )
    warm_start = WarmStart(vectors=vectors, freeze=plan.init.freeze)
    return ModelInit(warm_start, plan.shape, facts=facts, report=report)


def _from_checkpoint(folder: Path, plan: PretrainPlan, original: Tokenizer, source: LibraryTokenizer) -> ModelInit:
    from tokit.lm.checkpoint import WarmStart, configured_ids

    checkpoint = _open_checkpoint(folder, plan)
    matched, rows = _checkpoint_rows(folder, checkpoint, original, source)
    # A smaller vocabulary of the same text may begin with the same pieces, and has fewer.
    same = matched == BY_ID and bool((rows == np.arange(len(rows))).all())
    token_ids = configured_ids(plan.family, source.vocab_size, source.special_ids, checkpoint.shape)
    warm_start = WarmStart(
        checkpoint=checkpoint, rows=None if same else rows, token_ids=token_ids, freeze=plan.init.freeze
    )
    count = int((rows != NONE).sum())
    report = InitReport(
        path=str(folder),
        matched=matched,
        initialized=count,
        random=len(rows) - count,
        missing=checkpoint.fresh,
    )
    facts = WarmStartFacts(
        source=CHECKPOINT,
        matched=matched,
        initialized=count,
        missing=checkpoint.fresh,
        files=checkpoint.files,
    )
    context = max(plan.params.context_length, min(context_of(folder), checkpoint.positions))
    return ModelInit(warm_start, checkpoint.shape, context, facts, report)


def _open_checkpoint(folder: Path, plan: PretrainPlan) -> Checkpoint:
    from tokit.lm.checkpoint import open_checkpoint
    from tokit.lm.train.freeze import freeze

    kind = kind_of(folder)
    if kind not in (None, LanguageModelManifest.kind):
        raise ArtifactError(
            f"{folder} holds no language model, but of kind '{kind}'",
            hint=f"--init-embeddings {folder}" if kind == EmbeddingManifest.kind else "give a language model's folder",
        )
    checkpoint = open_checkpoint(folder, plan.family, dropout=plan.params.dropout, seed=plan.seed)
    if plan.params.context_length > checkpoint.positions:
        raise UsageError(
            f"--context-length {plan.params.context_length}: {folder} takes {checkpoint.positions} tokens",
            hint=f"--context-length {checkpoint.positions}",
        )
    freeze(checkpoint.model, plan.init.freeze)
    return checkpoint


def _checkpoint_rows(
    folder: Path, checkpoint: Checkpoint, original: Tokenizer, source: LibraryTokenizer
) -> tuple[str, IntArray]:
    """The way rows were matched, and the row of the checkpoint's input embeddings for each id of the new tokenizer."""
    own = load_tokenizer(folder)
    size = int(checkpoint.model.get_input_embeddings().weight.shape[0])
    if original.sha256 == own.sha256 or original.pieces.names == own.pieces.names:
        rows = np.arange(min(original.vocab_size, size))
        return BY_ID, _extended(rows, source.vocab_size, NONE)
    if not isinstance(own, LibraryTokenizer):
        raise UsageError(f"{folder}: its tokenizer is no tokenizer.json", hint="leave out -t")
    known = ~own.pieces.special[:size]
    if own.unknown_id is not None:
        known[own.unknown_id] = False
    rows = _extended(rows_by_text(own, original.pieces, known), source.vocab_size, NONE)
    # Special tokens keep what they learned to be.
    for role, i in source.special_ids.items():
        if role in own.special_ids and own.special_ids[role] < size:
            rows[i] = own.special_ids[role]
    return BY_TEXT, rows


def _extended(array: Any, size: int, fill: Any) -> Any:
    """An array by id, continued with `fill` for ids that were added to the tokenizer."""
    return np.concatenate([array, np.full(size - len(array), fill, dtype=array.dtype)])
