"""Training state of a model and its optimizer: named arrays for a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from tokit.lm.families.base import Model

MODEL, BEST, ADAM = "model.", "best.", "adam."
# State of AdamW for one parameter.
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
Arrays = dict[str, npt.NDArray[Any]]


def pack(model: Model, optimizer: torch.optim.Optimizer, best: Mapping[str, Tensor]) -> Arrays:
    """Arrays that the next step depends on; they share memory with the model and change with it.

    Args:
        model: The model in training.
        optimizer: Its optimizer.
        best: The best weights so far, if they are kept.
    """
    state = {f"{MODEL}{name}": value.numpy() for name, value in unique_state(model).items()}
    state |= {f"{BEST}{name}": value.numpy() for name, value in best.items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            state[f"{ADAM}{key}.{name}"] = value.numpy()
    return state


def unpack(state: Mapping[str, npt.NDArray[Any]], model: Model, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Restore a model and its optimizer from `pack`; return the best weights.

    Raises:
        KeyError: a weight of the model, or a moment of a parameter, is missing.
        RuntimeError: a weight has another shape.
        ValueError: a moment has.
    """
    named = {kind: _under(state, kind) for kind in (MODEL, BEST, ADAM)}
    # Tied weights are there once, so that the model may not ask for all names.
    for name in unique_state(model):
        named[MODEL][name]
        if named[BEST]:
            named[BEST][name]
    model.load_state_dict(named[MODEL], strict=False)
    for name, parameter in model.named_parameters():
        if any(f"{key}.{name}" in named[ADAM] for key in MOMENTS):
            moments = {key: named[ADAM][f"{key}.{name}"] for key in MOMENTS}
            if any(value.shape != (() if key == "step" else parameter.shape) for key, value in moments.items()):
                raise ValueError(name)
            optimizer.state[parameter] = moments
    return named[BEST]


def _under(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(array) for name, array in state.items() if name.startswith(prefix)
    }


def unique_state(model: Model) -> dict[str, Tensor]:
    """Weights of a model, tied ones under their first name only."""
    seen: set[int] = set()
    state = {}
    for name, value in model.state_dict().items():
        if value.data_ptr() not in seen or not value.numel():
            seen.add(value.data_ptr())
            state[name] = value.detach()
    return state
