"""Settings of a pre-training, checked before torch or any text is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.errors import UsageError
from tokit.lm import LANGUAGE_MODEL_PARAMS, language_model_family
from tokit.lm.pretrain_params import DEFAULT_SIZE, SENTENCE_STAGES
from tokit.params import fill
from tokit.registry import did_you_mean
from tokit.runtime.threads import available_threads
from tokit.storage.hub_names import local_path

if TYPE_CHECKING:
    from tokit.lm.families.base import LanguageModelFamily
    from tokit.lm.pretrain_params import PretrainParams, Shape


@dataclass(frozen=True, slots=True)
class InitOptions:
    """Checkpoint, vectors and frozen layers that a model is initialized with.

    Attributes:
        checkpoint: A folder of transformers to continue from.
        vectors: A static embedding for the input embeddings of a new model.
        freeze: Names of layers that are not trained.
    """

    checkpoint: str | Path | None = None
    vectors: str | Path | None = None
    freeze: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainPlan:
    """Settings of a pre-training.

    Attributes:
        shape: Of a new model; a checkpoint has its own.
        size: The name of that shape.
        minutes: Time for the training; None takes `params`' steps or epochs.
        init: What to initialize from.
        sentence: "simcse" trains vectors of documents.
    """

    family: type[LanguageModelFamily]
    params: PretrainParams
    shape: Shape
    size: str
    seed: int
    threads: int
    minutes: float | None
    init: InitOptions
    sentence: str | None = None


def plan_pretraining(
    family: str,
    size: str | None,
    settings: Mapping[str, Any] | None,
    init: InitOptions | None = None,
    sentence: str | None = None,
    *,
    minutes: float | None,
    seed: int,
    threads: int | None,
) -> PretrainPlan:
    """Check the settings of a pre-training.

    Raises:
        UsageError: an unknown family, size or parameter, or a number out of range.
        MissingExtraError: torch or transformers is not installed.
    """
    init = _local(init or InitOptions())
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes {minutes:g}: not a positive number", hint="--minutes 10")
    _check_sentence(sentence, init)
    filled = fill(LANGUAGE_MODEL_PARAMS.get(family), {**SENTENCE_STAGES.get(sentence or "", {}), **(settings or {})})
    _check_params(filled, sentence, minutes)
    if init.checkpoint is not None:
        if init.vectors is not None:
            raise UsageError("--from and --init-embeddings both set the input embeddings", hint="leave one of them out")
        _refuse_shape(size, filled)
    shape = filled.shape(size or DEFAULT_SIZE)
    return PretrainPlan(
        family=language_model_family(family),
        params=filled,
        shape=shape,
        size=size or DEFAULT_SIZE,
        seed=seed,
        threads=threads or available_threads(),
        minutes=minutes,
        init=init,
        sentence=sentence,
    )


def _local(init: InitOptions) -> InitOptions:
    checkpoint, vectors = (None if place is None else local_path(place) for place in (init.checkpoint, init.vectors))
    return replace(init, checkpoint=checkpoint, vectors=vectors)


def _check_params(params: PretrainParams, sentence: str | None, minutes: float | None) -> None:
    if sentence and not params.dropout:
        raise UsageError(
            "--sentence needs dropout: without it the two vectors of a document are equal", hint="--dropout 0.1"
        )
    if minutes is not None and params.max_steps is not None:
        raise UsageError("--minutes and --max-steps both limit the training", hint="leave one of them out")


def _check_sentence(sentence: str | None, init: InitOptions) -> None:
    if sentence is None:
        return
    if sentence not in SENTENCE_STAGES:
        raise UsageError(f"unknown --sentence '{sentence}'", hint=did_you_mean(sentence, list(SENTENCE_STAGES)))
    if init.checkpoint is None:
        raise UsageError("--sentence trains a model that is pre-trained already", hint="--from MODEL")


def _refuse_shape(size: str | None, params: PretrainParams) -> None:
    options = {
        "--size": size,
        "--num-hidden-layers": params.num_hidden_layers,
        "--hidden-size": params.hidden_size,
        "--num-attention-heads": params.num_attention_heads,
    }
    named = [name for name, value in options.items() if value is not None]
    if named:
        raise UsageError(f"{named[0]} does not go with --from: a checkpoint has its shape", hint="leave it out")
