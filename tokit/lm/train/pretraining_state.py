"""The state of a model and its optimizer as arrays with names, for a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor

from tokit.lm.families.base import Model

MODEL, BEST, ADAM = "model.", "best.", "adam."
# What AdamW knows of a parameter.
MOMENTS = ("step", "exp_avg", "exp_avg_sq")
Arrays = dict[str, npt.NDArray[Any]]


def packed(model: Model, optimizer: torch.optim.Optimizer, best: Mapping[str, Tensor]) -> Arrays:
    """All that the next step depends on; the arrays are those of the model, and change with it.

    Args:
        model: Its weights.
        optimizer: What it knows of them.
        best: Other weights, that may be wanted at the end.
    """
    state = {f"{MODEL}{name}": value.numpy() for name, value in unique_state(model).items()}
    state |= {f"{BEST}{name}": value.numpy() for name, value in best.items()}
    for name, parameter in model.named_parameters():
        for key, value in optimizer.state.get(parameter, {}).items():
            state[f"{ADAM}{key}.{name}"] = value.numpy()
    return state


def unpack(state: Mapping[str, npt.NDArray[Any]], model: Model, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Put what was packed into a model and its optimizer; the other weights."""
    named = {kind: _under(state, kind) for kind in (MODEL, BEST, ADAM)}
    model.load_state_dict(named[MODEL], strict=False)
    for name, parameter in model.named_parameters():
        held = {key: named[ADAM].get(f"{key}.{name}") for key in MOMENTS}
        if held["step"] is not None:
            optimizer.state[parameter] = held
    return named[BEST]


def _under(state: Mapping[str, npt.NDArray[Any]], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): torch.from_numpy(each) for name, each in state.items() if name.startswith(prefix)
    }


def unique_state(model: Model) -> dict[str, Tensor]:
    """The weights without second names of tied ones."""
    seen: set[int] = set()
    state = {}
    for name, value in model.state_dict().items():
        if value.data_ptr() not in seen or not value.numel():
            seen.add(value.data_ptr())
            state[name] = value.detach()
    return state
