"""Cross-entropy and its gradient in one pass over the logits."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tokit.arrays import IntArray
from tokit.lm.families.base import IGNORE_INDEX

# The number of predictions is padded to a multiple of this.
PART = 64


def pad_targets(at: IntArray, targets: IntArray) -> tuple[Tensor, Tensor]:
    """Pad indices and targets to a multiple of `PART`, with `NOTHING` as the target.

    The matrix product library compiles a kernel for each shape that it meets, and caches a thousand of them.
    """
    more = -len(at) % PART
    return torch.from_numpy(np.pad(at, (0, more))), torch.from_numpy(
        np.pad(targets, (0, more), constant_values=IGNORE_INDEX)
    )


def loss_and_gradient(logits: Tensor, targets: Tensor) -> tuple[float, Tensor]:
    """Cross-entropy and its gradient, which is written over the probabilities to save a pass over the logits.

    Args:
        logits: Shape (n, vocab).
        targets: Token ids, or `IGNORE_INDEX` where nothing is predicted; int64, shape (n,).

    Returns:
        (summed loss in nats, its gradient in float32, shape (n, vocab)).
    """
    logs = torch.log_softmax(logits, dim=-1, dtype=torch.float32)
    places = (targets != IGNORE_INDEX).nonzero().squeeze(1)
    labels = targets[places]
    nats = -float(logs[places, labels].sum())
    gradient = logs.exp_()
    gradient[places, labels] -= 1
    gradient[targets == IGNORE_INDEX] = 0
    return nats, gradient
