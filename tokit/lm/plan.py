"""What `tokit fit bert` and its like are asked for, checked before any text is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokit.errors import UsageError
from tokit.lm import language_model_family
from tokit.lm.initialize import InitOptions, ModelInit
from tokit.lm.pretrain_params import DEFAULT_SIZE, SENTENCE_STAGES
from tokit.params import fill
from tokit.registry import did_you_mean
from tokit.runtime.threads import available_threads

if TYPE_CHECKING:
    from tokit.lm.families.base import LanguageModelFamily
    from tokit.lm.pretrain_params import PretrainParams, Shape

NO_INIT = InitOptions()


@dataclass(frozen=True, slots=True)
class PretrainPlan:
    """A pre-training as asked for, checked before any text is read."""

    family: type[LanguageModelFamily]
    params: PretrainParams
    shape: Shape
    size: str
    seed: int
    threads: int
    minutes: float | None
    begun: ModelInit
    sentence: str | None = None


def plan_pretraining(
    family: str,
    size: str | None,
    settings: Mapping[str, Any] | None,
    start: InitOptions = NO_INIT,
    sentence: str | None = None,
    *,
    minutes: float | None,
    seed: int,
    threads: int | None,
) -> PretrainPlan:
    """Check what was asked for.

    Raises:
        UsageError: an unknown family, size or parameter, or a number out of range.
        MissingExtraError: torch or transformers is not installed.
    """
    kind = language_model_family(family)
    if minutes is not None and not 0 < minutes < float("inf"):
        raise UsageError(f"--minutes {minutes:g}: not a positive number", hint="--minutes 10")
    if not 0 <= seed < 1 << 32:
        raise UsageError(f"--seed {seed}: not between 0 and {(1 << 32) - 1}", hint="--seed 0")
    _check_sentence(sentence, start)
    params = fill(kind.Params, {**SENTENCE_STAGES.get(sentence or "", {}), **(settings or {})})
    if sentence and not params.dropout:
        raise UsageError("--sentence needs dropout: two vectors of a document would be the same", hint="leave it out")
    if minutes is not None and params.max_steps is not None:
        raise UsageError("--minutes and --max-steps both say how long to train", hint="leave one of them out")
    if start.checkpoint is not None:
        if start.vectors is not None:
            raise UsageError("--from and --init-embeddings both fill the table of tokens", hint="leave one of them out")
        _refuse_shape(size, params)
    shape = params.shape(size or DEFAULT_SIZE)
    return PretrainPlan(
        kind,
        params,
        shape,
        size or DEFAULT_SIZE,
        seed,
        threads or available_threads(),
        minutes,
        ModelInit(None, shape),
        sentence,
    )


def _check_sentence(sentence: str | None, start: InitOptions) -> None:
    if sentence is None:
        return
    if sentence not in SENTENCE_STAGES:
        raise UsageError(f"unknown --sentence '{sentence}'", hint=did_you_mean(sentence, list(SENTENCE_STAGES)))
    if start.checkpoint is None:
        raise UsageError("--sentence goes on with a model that has learned the language", hint="--from MODEL")


def _refuse_shape(size: str | None, params: PretrainParams) -> None:
    given = {
        "--size": size,
        "--num-hidden-layers": params.num_hidden_layers,
        "--hidden-size": params.hidden_size,
        "--num-attention-heads": params.num_attention_heads,
    }
    named = [name for name, value in given.items() if value is not None]
    if named:
        raise UsageError(f"{named[0]} does not go with --from: the checkpoint has its shape", hint="leave it out")
