"""The loss of predictions and its gradient, taken in one pass over numbers that are many."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tokit.arrays import IntArray
from tokit.lm.families.base import IGNORE_INDEX

# Predictions are filled up to a multiple of this, and a target that is none.
PART = 64


def pad_targets(at: IntArray, targets: IntArray) -> tuple[Tensor, Tensor]:
    """Places and targets filled up to a multiple of `PART`, with `NOTHING` as the target.

    The library of products makes a program for each shape that it meets, and keeps a thousand of them.
    """
    more = -len(at) % PART
    return torch.from_numpy(np.pad(at, (0, more))), torch.from_numpy(
        np.pad(targets, (0, more), constant_values=IGNORE_INDEX)
    )


def loss_and_gradient(logits: Tensor, targets: Tensor) -> tuple[float, Tensor]:
    """The cross-entropy and its gradient, which is written over the probabilities: no second pass over so many numbers.

    Args:
        logits: Shape (n, vocab).
        targets: The right ids, or `IGNORE_INDEX` where nothing is predicted; int64, shape (n,).

    Returns:
        (sum of the nats, its gradient in float32, shape (n, vocab)).
    """
    logs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    places = (targets != IGNORE_INDEX).nonzero().squeeze(1)
    right = targets[places]
    nats = -float(logs[places, right].sum())
    gradient = logs.exp_()
    gradient[places, right] -= 1
    gradient[targets == IGNORE_INDEX] = 0
    return nats, gradient
