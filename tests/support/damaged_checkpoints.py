"""Checkpoints with one entry missing or of another shape, and what a resumed training says to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from safetensors import safe_open

from tokit.storage.safetensors import write_tensors


def damaged_checkpoints(state: Path) -> Iterator[str]:
    """Damage a file of a training's state in one way after the other; yield what was done to it."""
    whole = state.read_bytes()
    with safe_open(state, framework="numpy") as file:
        metadata, arrays = dict(file.metadata()), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    kinds = {name.split(".")[0]: name for name in arrays}
    changes: dict[str, Callable[[], None]] = {}
    for name in kinds.values():
        others = {other: array for other, array in arrays.items() if other != name}
        longer = np.zeros((*arrays[name].shape, 3), dtype=arrays[name].dtype)
        changes[f"no {name}"] = lambda others=others: write_tensors(state, others, metadata)
        changes[f"long {name}"] = lambda name=name, longer=longer: write_tensors(
            state, {**arrays, name: longer}, metadata
        )
    for turn in ("", "-1", "x", "9" * 15):
        changes[f"turn {turn}"] = lambda turn=turn: write_tensors(state, arrays, {**metadata, "turn": turn})
    changes["no turn"] = lambda: write_tensors(state, arrays, {"job": metadata["job"]})
    for what, change in changes.items():
        change()
        yield what
        state.write_bytes(whole)
