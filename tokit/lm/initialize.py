"""What `tokit fit bert --from`, `--init-embeddings` and `--freeze` begin with: a checkpoint, vectors, frozen layers.

Rows of tokens are found as for static embeddings: by id with the same tokenizer, else by the text of the pieces.
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
from tokit.lm.pretrain_params import PretrainParams, Shape
from tokit.storage.folder import kind_of
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.checkpoint import Beginning, Checkpoint
    from tokit.lm.families.base import LanguageModelFamily


@dataclass(frozen=True, slots=True)
class InitOptions:
    """What a pre-training is told to begin with.

    Attributes:
        checkpoint: A folder of transformers to go on from.
        vectors: A static embedding whose vectors go into the table of tokens.
        freeze: Names of layers that stay as they are.
    """

    checkpoint: str | Path | None = None
    vectors: str | Path | None = None
    freeze: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class InitReport:
    """What a pre-training began with.

    Attributes:
        path: The checkpoint, or the static embedding.
        matched: "id": the same tokenizer. "text": another one, and rows were found by the text of the pieces.
        given: Tokens that began with a row of it.
        random: Tokens that began at random.
        columns: Of the static embedding; None for a checkpoint.
        fitted: What was done to columns of another number: "", "projected" or "padded".
        fresh: Parameters that the checkpoint does not have, and that began at random.
    """

    path: str
    matched: str
    given: int
    random: int
    columns: int | None = None
    fitted: str = ""
    fresh: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelInit:
    """A start that is ready.

    Attributes:
        begin: Makes the model.
        shape: Of it.
        context: Tokens that its folder is said to take; None leaves it to the parameters.
        facts: For the manifest, and for telling one training's checkpoint from another's.
        report: None when the model is new, its table too.
    """

    begin: Beginning | None
    shape: Shape
    context: int | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    report: InitReport | None = None


def tokenizer_of(given: str | Path | Tokenizer | None, options: InitOptions) -> Tokenizer:
    """The tokenizer that was given, or that of the checkpoint or of the vectors.

    Raises:
        UsageError: there is none.
    """
    where = given or options.checkpoint or options.vectors
    if where is None:
        raise UsageError("no tokenizer given", hint="give one, or a checkpoint to go on from: it has its own")
    return where if isinstance(where, Tokenizer) else load_tokenizer(where)


def initialize_model(
    options: InitOptions,
    family: type[LanguageModelFamily],
    shape: Shape,
    params: PretrainParams,
    *,
    given: Tokenizer,
    source: LibraryTokenizer,
    seed: int,
) -> ModelInit:
    """Open what a training begins with, and check it before any text is read.

    Args:
        options: What to begin with.
        family: What is trained.
        shape: Of a new model.
        params: Of the training.
        given: The tokenizer as it was given.
        source: The same with the model's special tokens.
        seed: Of what is at random.

    Raises:
        UsageError: a checkpoint of another family or one that takes less context, an unknown layer.
        TrainingError: no token has a vector.
        ArtifactError: a folder is damaged, or not what it should be.
    """
    if options == InitOptions():
        return ModelInit(None, shape)
    if options.checkpoint is not None:
        return _go_on(Path(options.checkpoint), options, family, params, given=given, source=source, seed=seed)
    from tokit.lm.checkpoint import Beginning, Vectors, check_frozen

    check_frozen(family, source.vocab_size, source.special_ids, shape, params, patterns=options.freeze)
    if options.vectors is None:
        return ModelInit(Beginning(freeze=options.freeze), shape, facts=_frozen(options))
    earlier = open_source_embedding(options.vectors)
    matched, rows, there = matching_rows(earlier, given.pieces, given.sha256)
    # Special tokens that were added have no row.
    rows, there = (_longer(each, source.vocab_size, fill) for each, fill in ((rows, NONE), (there, False)))
    vectors = Vectors(found_rows(earlier.embedding.vectors, np.where(there, rows, NONE)), there)
    fitted = "projected" if earlier.dim > shape.hidden_size else "padded" if earlier.dim < shape.hidden_size else ""
    count = int(there.sum())
    report = InitReport(earlier.folder, matched, count, len(there) - count, earlier.dim, fitted)
    said = {"family": earlier.embedding.manifest.get("family"), "matched": matched, "given": count}
    facts = {
        "init_embeddings": {**said, "columns": fitted or "as they are", "files": earlier.files},
        **_frozen(options),
    }
    return ModelInit(Beginning(vectors=vectors, freeze=options.freeze), shape, facts=facts, report=report)


def _frozen(options: InitOptions) -> dict[str, Any]:
    return {"freeze": list(options.freeze)} if options.freeze else {}


def _go_on(
    folder: Path,
    options: InitOptions,
    family: type[LanguageModelFamily],
    params: PretrainParams,
    *,
    given: Tokenizer,
    source: LibraryTokenizer,
    seed: int,
) -> ModelInit:
    from tokit.lm.checkpoint import Beginning, configured_ids, open_checkpoint
    from tokit.lm.train.freeze import freeze

    kind = kind_of(folder)
    if kind not in (None, "contextual"):
        raise ArtifactError(
            f"{folder} holds no language model, but of kind '{kind}'",
            hint=f"--init-embeddings {folder}" if kind == "embedding" else "give a language model's folder",
        )
    found = open_checkpoint(folder, family, dropout=params.dropout, seed=seed)
    if params.context_length > found.positions:
        raise UsageError(
            f"--context-length {params.context_length}: {folder} takes {found.positions} tokens",
            hint=f"--context-length {found.positions}",
        )
    freeze(found.model, options.freeze)
    matched, rows = _checkpoint_rows(folder, found, given, source)
    # A smaller vocabulary of the same text may begin with the same pieces, and has fewer.
    same = matched == BY_ID and bool((rows == np.arange(len(rows))).all())
    begin = Beginning(
        found,
        None if same else rows,
        configured_ids(family, source.vocab_size, source.special_ids, found.shape),
        freeze=options.freeze,
    )
    count = int((rows != NONE).sum())
    report = InitReport(str(folder), matched, count, len(rows) - count, fresh=found.fresh)
    facts = {
        "from": {"matched": matched, "given": count, "fresh": list(found.fresh), "files": found.files},
        **_frozen(options),
    }
    return ModelInit(
        begin, found.shape, max(params.context_length, min(context_of(folder), found.positions)), facts, report
    )


def _checkpoint_rows(
    folder: Path, found: Checkpoint, given: Tokenizer, source: LibraryTokenizer
) -> tuple[str, IntArray]:
    """How rows were found, and the row of the checkpoint's table for each id of the new tokenizer."""
    own = load_tokenizer(folder)
    size = int(found.model.get_input_embeddings().weight.shape[0])
    if given.sha256 == own.sha256 or given.pieces.names == own.pieces.names:
        rows = np.arange(min(given.vocab_size, size))
        return BY_ID, _longer(rows, source.vocab_size, NONE)
    if not isinstance(own, LibraryTokenizer):
        raise UsageError(f"{folder}: its tokenizer is no tokenizer.json", hint="leave out -t")
    known = ~own.pieces.special[:size]
    if own.unknown_id is not None:
        known[own.unknown_id] = False
    rows = _longer(rows_by_text(own, given.pieces, known), source.vocab_size, NONE)
    # Special tokens keep what they learned to be.
    for role, i in source.special_ids.items():
        if role in own.special_ids and own.special_ids[role] < size:
            rows[i] = own.special_ids[role]
    return BY_TEXT, rows


def _longer(array: Any, size: int, fill: Any) -> Any:
    """An array of ids' things with `fill` for ids that were added behind."""
    return np.concatenate([array, np.full(size - len(array), fill, dtype=array.dtype)])
