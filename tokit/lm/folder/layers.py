"""Layers and heads of a model by number, checked against its configuration. Needs no torch."""

from __future__ import annotations

from pathlib import Path

from tokit.errors import UsageError
from tokit.lm import OWN_TYPES
from tokit.lm.folder.config import read_config

LAST_FOUR, MIX = "last4", "mix"


def chosen_layers(named: str | None, count: int, *, mixes: bool = False) -> tuple[int, ...] | None:
    """Layers selected by `--layer`.

    Args:
        named: A number from 0, the input embeddings, to `count`, or from -1, the last layer, down; `last4`; `mix`.
        count: Number of layers of the model.
        mixes: Whether the model has a learned mix of layers.

    Returns:
        None for the output of the model.

    Raises:
        UsageError: it is none of these.
    """
    if named is None or (named == MIX and mixes):
        return None
    if named == LAST_FOUR:
        return tuple(range(max(count - 3, 0), count + 1))
    try:
        number = int(named)
    except ValueError:
        number = count + 1
    if not -count - 1 <= number <= count:
        words = f"{LAST_FOUR} or {MIX}" if mixes else LAST_FOUR
        raise UsageError(f"--layer {named}: not 0 to {count}, -1 to {-count - 1} or {words}", hint="--layer -1")
    return (number if number >= 0 else count + 1 + number,)


def check_layer(folder: Path, named: str | None) -> None:
    """Check `--layer` before the model is loaded, where its configuration names the number of layers.

    Raises:
        UsageError: the model has no such layer.
        ArtifactError: the configuration is missing or damaged.
    """
    if named is None:
        return
    config = read_config(folder)
    count = config.get("num_hidden_layers")
    if isinstance(count, int):
        chosen_layers(named, count, mixes=config.get("model_type") in OWN_TYPES)


def check_attention(folder: Path, layer: int | None, head: int | None) -> None:
    """Check `--layer` and `--head` of `tokit attention` before the model is loaded.

    Raises:
        UsageError: the model has no layer or head of that number.
        ArtifactError: the configuration is missing or damaged.
    """
    config = read_config(folder)
    for option, number, key in (("--layer", layer, "num_hidden_layers"), ("--head", head, "num_attention_heads")):
        count = config.get(key)
        if number is not None and isinstance(count, int):
            numbered(option, number, count)


def numbered(option: str, number: int, count: int) -> int:
    """A number from 1 to `count`, given as such or from -1 down.

    Raises:
        UsageError: it is none.
    """
    chosen = number if number > 0 else count + 1 + number
    if number == 0 or not 1 <= chosen <= count:
        raise UsageError(f"{option} {number}: the model has 1 to {count}", hint=f"{option} {count}")
    return chosen
