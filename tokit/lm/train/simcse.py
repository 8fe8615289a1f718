"""The sentence stage: vectors of documents that tell them apart, learned from the documents alone.

Each document goes through the model twice; dropout makes two vectors of it, which should be alike, and unlike those of
the other documents of the batch (SimCSE, Gao et al. 2021, https://aclanthology.org/2021.emnlp-main.552). The vector is
the mean of the tokens', as it is when the folder is used.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

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

# Of a document that is cut by the end of a row, a shorter part says nothing.
SHORTEST_PART = 4


def parts_of(documents: IntArray) -> tuple[IntArray, int]:
    """Which part each token is of: those of a document in a row, if they are not too few.

    Args:
        documents: Number of each token's document; shape (rows, tokens).

    Returns:
        The number of the part, -1 for none; shape (rows * tokens,). And how many parts there are.
    """
    begins = np.ones(documents.shape, dtype=np.bool_)
    begins[:, 1:] = documents[:, 1:] != documents[:, :-1]
    parts = np.cumsum(begins.reshape(-1)) - 1
    long = np.bincount(parts) >= SHORTEST_PART
    numbers = np.where(long, np.cumsum(long) - 1, -1)
    return numbers[parts], int(long.sum())


def means_of(vectors: Tensor, parts: IntArray, count: int) -> Tensor:
    """Means of the vectors of each part: (tokens, hidden) to (count, hidden), in float32."""
    inside = torch.from_numpy(np.flatnonzero(parts >= 0))
    numbers = torch.from_numpy(parts[parts >= 0])
    sums = torch.zeros(count, vectors.shape[1]).index_add(0, numbers, vectors.index_select(0, inside).float())
    return sums / torch.bincount(numbers, minlength=count)[:, None]


def contrast_loss(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean nats of finding a document's second vector among all second ones by its first, by their cosines.

    Args:
        first: One vector a document; shape (documents, hidden).
        second: Another of each.
        temperature: That cosines are divided by.
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
    """The contrast of the documents in some rows.

    Args:
        family: How the model is called.
        model: With dropout.
        rows: (ids, positions, documents), each of shape (rows, tokens).
        temperature: See `contrast`.
        precision: Of the model's products.

    Returns:
        None when there are no two documents.
    """
    ids, positions, documents = rows
    parts, count = parts_of(documents)
    if count < 2:
        return None
    # Rows of a batch have masks of their own, and what is left out differs: two passes in one.
    twice = [np.concatenate([each, each]) for each in (ids, positions, documents)]
    with autocast(precision):
        hidden = family.hidden(model, model_input(*twice, causal=family.causal)).flatten(0, 1)
    first, second = (means_of(half, parts, count) for half in torch.split(hidden, ids.size))
    return contrast_loss(first, second, temperature)


class SimCseValidation:
    """The same contrast, of documents held out.

    Args:
        job: What is learned, and what was held out.
    """

    def __init__(self, job: PretrainJob) -> None:
        self._params, self._seed = job.params, job.seed
        self._rows = PackedRows(job.held_out.stream, job.params.context_length)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to score on."""
        return self._rows.count == 0

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model: its dropout stays on, and leaves the same out each time."""
        nats = batches = 0.0
        model.train()
        torch.manual_seed(self._seed)
        with torch.no_grad():
            for first in range(0, self._rows.count, self._params.batch_size):
                numbers = np.arange(first, min(first + self._params.batch_size, self._rows.count))
                ids, positions, documents = (each[:, :-1] for each in self._rows.take(numbers))
                found = row_contrast_loss(family, model, (ids, positions, documents), self._params.temperature)
                if found is not None:
                    nats, batches = nats + float(found), batches + 1
        return Score(nats / max(batches, 1), None)


class SimCseLoop(PretrainingLoop):
    """The loop of pre-training with the contrast as its loss.

    Args:
        family: How the model is called.
        job: What to learn from.
        rows: The corpus in rows.
        model: Trained in place; its dropout is not 0.
    """

    def __init__(self, family: type[LanguageModelFamily], job: PretrainJob, rows: PackedRows, model: Any) -> None:
        super().__init__(family, job, rows, model)
        self._validation = SimCseValidation(job)

    @property
    def _has_pseudo(self) -> bool:
        return False

    def _batches(self, steps: int) -> Batches:
        # Nothing is hidden.
        params = replace(self._params, objective="causal")
        return Batches(self._rows, params, self._masking, self._job.seed, steps)

    def _backward(self, batch: Batch) -> float:
        rows = batch.ids, batch.positions, batch.documents
        loss = row_contrast_loss(self._family, self._model, rows, self._params.temperature, self._precision)
        if loss is None:
            return 0.0
        loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())
