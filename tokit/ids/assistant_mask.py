"""Tokens that the assistant of a conversation writes: a mask beside the ids, or labels for a loss.

Trainers of transformers leave a label of -100 out of the loss.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tokit.arrays import Ids

IGNORED = -100


def labels_of(ids: Ids) -> npt.NDArray[np.int32]:
    """The id of each token that the assistant writes, and -100 for the others; shape (tokens,)."""
    labels = ids.data.astype(np.int32)
    return labels if ids.assistant is None else np.where(ids.assistant, labels, np.int32(IGNORED))
