"""Unsupervised SimCSE: document vectors that separate documents, trained on the documents alone.

Each document is encoded twice; dropout makes the two vectors differ. The loss draws them together and away from those
of the other documents of the batch (Gao et al. 2021, https://aclanthology.org/2021.emnlp-main.552). The vector is the
mean of the token vectors, as `tokit embed` pools them.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from tokit.arrays import IntArray
from tokit.lm.data.packed_batches import Batch, Batches, PackedRows
from tokit.lm.families.base import LanguageModelFamily, Model
from tokit.lm.train.job import PretrainJob
from tokit.lm.train.optimizer import autocast
from tokit.lm.train.pretraining_loop import PretrainingLoop
from tokit.lm.train.validation import Score, model_input

# A document that is split by the end of a row may leave a part too short for a vector.
SHORTEST_PART = 4


def parts_of(documents: IntArray) -> tuple[IntArray, int]:
    """Number the parts of documents within rows; too short ones are left out.

    Args:
        documents: Document number of each token; shape (rows, tokens).

    Returns:
        (part number of each token, -1 for none, shape (rows * tokens,); number of parts).
    """
    begins = np.ones(documents.shape, dtype=np.bool_)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    parts = np.cumsum(begins.reshape(-1)) - 1
    long = np.bincount(parts) >= SHORTEST_PART
    numbers = np.where(long, np.cumsum(long) - 1, -1)
    return numbers[parts], int(long.sum())


def means_of(vectors: Tensor, parts: IntArray, count: int) -> Tensor:
    """Mean vector of each part: (tokens, hidden) to (count, hidden), in float32."""
    inside = torch.from_numpy(np.flatnonzero(parts >= 0))
    numbers = torch.from_numpy(parts[parts >= 0])
    sums = torch.zeros(count, vectors.shape[1]).index_add(0, numbers, vectors.index_select(0, inside).float())
    return sums / torch.bincount(numbers, minlength=count)[:, None]


def contrast_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """InfoNCE loss with in-batch negatives (cosine / temperature), in nats.

    Args:
        first: One vector per document; shape (documents, hidden).
        second: Another vector of each document; same shape.
        temperature: Divides the cosines.
    """
    cosines = normalize(first, dim=-1) @ normalize(second, dim=-1).T
    return cross_entropy(cosines / temperature, torch.arange(len(first)))


def row_contrast_loss(
    family: type[LanguageModelFamily],
    model: Model,
    rows: tuple[IntArray, IntArray, IntArray],
    temperature: float,
    precision: str = "float32",
) -> Tensor | None:
    """Contrastive loss of the documents in packed rows.

    Args:
        family: Family of the model.
        model: With dropout on.
        rows: (ids, positions, documents), each of shape (rows, tokens).
        temperature: See `contrast_loss`.
        precision: Precision of matrix products.

    Returns:
        None when there are fewer than two documents.
    """
    ids, positions, documents = rows
    parts, count = parts_of(documents)
    if count < 2:
        return None
    # Rows of a batch get different dropout, so two copies in one batch are two passes.
    twice = [np.concatenate([array, array]) for array in (ids, positions, documents)]
    with autocast(precision):
        hidden = family.hidden(model, model_input(*twice, causal=family.causal)).flatten(0, 1)
    first, second = (means_of(half, parts, count) for half in torch.split(hidden, ids.size))
    return contrast_loss(first, second, temperature)


class SimCseValidation:
    """The contrastive loss on held-out documents.

    Args:
        job: Inputs of the run.
    """

    def __init__(self, job: PretrainJob) -> None:
        self._params, self._seed = job.params, job.seed
        self._rows = PackedRows(job.held_out.stream, job.params.context_length)

    @property
    def empty(self) -> bool:
        """True when there is nothing to score on."""
        return self._rows.count == 0

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model with its dropout on, the same dropout each time."""
        nats = batches = 0.0
        model.train()
        torch.manual_seed(self._seed)
        with torch.no_grad():
            for first in range(0, self._rows.count, self._params.batch_size):
                numbers = np.arange(first, min(first + self._params.batch_size, self._rows.count))
                ids, positions, documents = (array[:, :-1] for array in self._rows.take(numbers))
                loss = row_contrast_loss(family, model, (ids, positions, documents), self._params.temperature)
                if loss is not None:
                    nats, batches = nats + float(loss), batches + 1
        return Score(nats / max(batches, 1), None)


class SimCseLoop(PretrainingLoop):
    """The pre-training loop with the contrastive loss; the model's dropout must not be 0."""

    def _new_validator(self) -> SimCseValidation:
        return SimCseValidation(self._job)

    @property
    def _has_pseudo(self) -> bool:
        return False

    def _batches(self, steps: int) -> Batches:
        # A causal batch has no masked tokens.
        params = replace(self._params, objective="causal")
        return Batches(self._rows, params, self._masking, self._job.seed, steps)

    def _backward(self, batch: Batch) -> float:
        rows = batch.ids, batch.positions, batch.documents
        loss = row_contrast_loss(self._family, self._model, rows, self._params.temperature, self._precision)
        if loss is None:
            return 0.0
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
