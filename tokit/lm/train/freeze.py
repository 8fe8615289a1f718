"""Which parts of a model stay as they are while the rest is trained, by the names of layers."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tokit.errors import UsageError
from tokit.lm.families.base import Model


def freeze(model: Model, patterns: Sequence[str]) -> int:
    """Keep parameters from being trained: they get no gradient.

    A pattern is the name of a layer, which stands for all below it, or a glob over names of parameters. Names are those
    of `model.named_parameters()`, with or without that of the base model in front (`bert.encoder.layer.0`,
    `encoder.layer.0`). Tied weights are one parameter: with the input table the output table is frozen too.

    Args:
        model: Changed in place.
        patterns: Names and globs.

    Returns:
        How many numbers are frozen.

    Raises:
        UsageError: a pattern that matches nothing, or all of them together match everything.
    """
    frozen = 0
    for pattern in patterns:
        if not any(_matches(pattern, spelling) for name in names(model) for spelling in spellings(model, name)):
            raise UsageError(f"--freeze {pattern}: no layer of that name", hint=_near(model, pattern))
    for name, parameter in model.named_parameters():
        if any(_matches(pattern, spelling) for pattern in patterns for spelling in spellings(model, name)):
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("--freeze leaves nothing to train", hint="freeze fewer layers")
    return frozen


def names(model: Model) -> list[str]:
    """Names of the parameters, a tied one under its first."""
    return [name for name, _ in model.named_parameters()]


def spellings(model: Model, name: str) -> tuple[str, str]:
    """A parameter's name, and the same without the base model's in front."""
    return name, name.removeprefix(f"{model.base_model_prefix}.")


def _matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _near(model: Model, pattern: str) -> str:
    """Layers whose names are like the pattern, the nearest first; the top ones when there are none."""
    layers: dict[str, None] = {}
    for name in names(model):
        parts = spellings(model, name)[1].split(".")
        layers |= dict.fromkeys(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    near = difflib.get_close_matches(pattern.rstrip(".*"), list(layers), n=3)
    top = [layer for layer in layers if "." not in layer]
    return f"did you mean {' or '.join(near)}?" if near else f"layers: {', '.join(top)}"
