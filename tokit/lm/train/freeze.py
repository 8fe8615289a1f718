"""Frozen layers of a model, selected by name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tokit.errors import UsageError
from tokit.lm.families.base import Model


def freeze(model: Model, patterns: Sequence[str]) -> int:
    """Freeze parameters: they get no gradient.

    A pattern is the name of a layer, with all layers below it, or a glob over parameter names. Names are those of
    `model.named_parameters()`, with or without the prefix of the base model (`bert.encoder.layer.0`,
    `encoder.layer.0`). Tied weights are one parameter: freezing the input embeddings freezes the output embeddings too.

    Args:
        model: Changed in place.
        patterns: Names and globs.

    Returns:
        Number of frozen parameters.

    Raises:
        UsageError: a pattern matches nothing, or the patterns match everything.
    """
    frozen = 0
    for pattern in patterns:
        if not any(_matches(pattern, variant) for name in names(model) for variant in name_variants(model, name)):
            raise UsageError(f"--freeze {pattern}: no layer of that name", hint=_near(model, pattern))
    for name, parameter in model.named_parameters():
        if any(_matches(pattern, variant) for pattern in patterns for variant in name_variants(model, name)):
            parameter.requires_grad_(False)
            frozen += parameter.numel()
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("--freeze leaves nothing to train", hint="freeze fewer layers")
    return frozen


def names(model: Model) -> list[str]:
    """Names of the parameters, tied ones under their first name only."""
    return [name for name, _ in model.named_parameters()]


def name_variants(model: Model, name: str) -> tuple[str, str]:
    """A parameter's name with and without the prefix of the base model."""
    return name, name.removeprefix(f"{model.base_model_prefix}.")


def _matches(pattern: str, name: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def _near(model: Model, pattern: str) -> str:
    """Hint with layers whose names resemble the pattern, or the top-level layers."""
    layers: dict[str, None] = {}
    for name in names(model):
        parts = name_variants(model, name)[1].split(".")
        layers |= dict.fromkeys(".".join(parts[:end]) for end in range(1, len(parts) + 1))
    near = difflib.get_close_matches(pattern.rstrip(".*"), list(layers), n=3)
    top = [layer for layer in layers if "." not in layer]
    return f"did you mean {' or '.join(near)}?" if near else f"layers: {', '.join(top)}"
