"""How good a model is on documents that were held out.

A causal model is measured in bits per byte of the raw text, which compare across tokenizers: what special tokens cost
is not counted, and they have no bytes. A masked one has no such number; its pseudo-likelihood, each token predicted
from all others (Salazar et al. 2020, https://aclanthology.org/2020.acl-main.240), is a number of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from tokit.arrays import IntArray
from tokit.ids.stream import IdStream
from tokit.lm.data.packed_batches import Masking, PackedRows, draw
from tokit.lm.families.base import IGNORE_INDEX, LanguageModelFamily, Model, ModelInput, attention_mask

# Rows at once, and the stream of random numbers that masks are drawn from.
ROWS_AT_ONCE, SCORED = 32, 3
# Tokens whose pseudo-likelihood is measured: each costs a pass over its row.
PSEUDO_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Documents that are not trained on.

    Attributes:
        stream: Their ids, framed as in training.
        bytes: Of each document's raw text; int64, shape (documents,).
        lossless: Whether the tokenizer keeps every byte; else no bits per byte are given.
    """

    stream: IdStream
    bytes: IntArray
    lossless: bool


@dataclass(frozen=True, slots=True)
class Score:
    """A validation.

    Attributes:
        loss: Mean nats of a predicted token.
        bits_per_byte: Of a causal model on a lossless tokenizer.
    """

    loss: float
    bits_per_byte: float | None


class Validator(Protocol):
    """What looks at held-out documents on the way."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to score on."""

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model, in float32."""


class Validation:
    """Scores a model on the same tokens each time.

    Args:
        held: The documents.
        masking: How tokens are hidden from a masked model.
        causal: Whether the next token is predicted.
        context: Tokens of a row.
        rate: Share of words hidden.
        seed: Of the masks.
    """

    def __init__(self, held: HeldOut, masking: Masking, *, causal: bool, context: int, rate: float, seed: int) -> None:
        self._held = held
        self._masking = masking
        self._causal = causal
        self._rows = PackedRows(held.stream, context)
        self._rate = rate
        self._seed = seed

    @property
    def empty(self) -> bool:
        """Whether there is nothing to score on."""
        return self._rows.count == 0

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model, in float32."""
        model.eval()
        nats = wanted = text_nats = 0.0
        with torch.no_grad():
            for row, at, targets in self._batches():
                vectors, expected = family.predictors(model, row, at, targets)
                losses = cross_entropy(family.logits(model, vectors).float(), expected, reduction="none").double()
                # It is 0 where nothing is predicted.
                nats += float(losses.sum())
                wanted += int((expected != IGNORE_INDEX).sum())
                losses = losses[: len(targets)]
                text_nats += float(losses[~torch.from_numpy(self._masking.special[targets.numpy()])].sum())
        model.train()
        return Score(nats / max(wanted, 1), self._bits(text_nats) if self._causal else None)

    def _bits(self, nats: float) -> float | None:
        size = int(self._held.bytes.sum())
        return nats / math.log(2) / size if self._held.lossless and size else None

    def _batches(self) -> Iterator[tuple[ModelInput, Tensor, Tensor]]:
        for first in range(0, self._rows.count, ROWS_AT_ONCE):
            numbers = np.arange(first, min(first + ROWS_AT_ONCE, self._rows.count))
            yield self._prepared(*self._rows.take(numbers), number=first)
        rest = self._rows.rest()
        if rest is not None and self._causal:
            yield self._prepared(*rest, number=self._rows.count)

    def _prepared(
        self, ids: IntArray, positions: IntArray, documents: IntArray, *, number: int
    ) -> tuple[ModelInput, Tensor, Tensor]:
        inputs, positions, documents = ids[:, :-1], positions[:, :-1], documents[:, :-1]
        if self._causal:
            at, targets = np.arange(inputs.size), ids[:, 1:].reshape(-1)
        else:
            hidden, at = self._masking.hide(inputs, self._rate, draw(self._seed, SCORED, number))
            targets, inputs = inputs.reshape(-1)[at], hidden
        row = model_input(inputs, positions, documents, causal=self._causal)
        return row, torch.from_numpy(at), torch.from_numpy(targets)


def model_input(ids: IntArray, positions: IntArray, documents: IntArray, *, causal: bool) -> ModelInput:
    """Arrays as a model takes them."""
    mask = attention_mask(torch.from_numpy(np.ascontiguousarray(documents)), causal=causal)
    return ModelInput(
        torch.from_numpy(np.ascontiguousarray(ids)), torch.from_numpy(np.ascontiguousarray(positions)), mask
    )


def pseudo_bits_per_byte(
    family: type[LanguageModelFamily],
    model: Model,
    held: HeldOut,
    masking: Masking,
    context: int,
    *,
    tokens: int = PSEUDO_TOKENS,
) -> float | None:
    """Bits of each token, predicted from all others of its document, over the bytes of the text.

    Documents are taken from the first on, those longer than `context` in parts, until there are so many tokens or more.
    Of a document whose parts are not all taken, as large a share of its bytes counts as of its tokens.

    Returns:
        None on a lossy tokenizer, or when there is no document.
    """
    if not held.lossless or not len(held.stream.ends):
        return None
    nats, size, left = 0.0, 0.0, tokens
    model.eval()
    starts = np.concatenate([np.zeros(1, dtype=np.int64), held.stream.ends])[:-1]
    with torch.no_grad():
        for start, end, length in zip(starts.tolist(), held.stream.ends.tolist(), held.bytes.tolist(), strict=True):
            for first in range(start, end, context):
                if left <= 0:
                    break
                ids = held.stream.data[first : min(first + context, end)].astype(np.int64)
                nats += _pseudo_nats(family, model, ids, masking)
                size += length * len(ids) / (end - start)
                left -= len(ids)
    model.train()
    return nats / math.log(2) / size if size else None


def _pseudo_nats(family: type[LanguageModelFamily], model: Model, ids: IntArray, masking: Masking) -> float:
    at = np.flatnonzero(~masking.special[ids])
    copies = np.repeat(ids[None, :], len(at), axis=0)
    copies[np.arange(len(at)), at] = masking.mask
    nats = 0.0
    for first in range(0, len(at), ROWS_AT_ONCE):
        some, places = copies[first : first + ROWS_AT_ONCE], at[first : first + ROWS_AT_ONCE]
        positions = np.repeat(np.arange(len(ids))[None, :], len(some), axis=0)
        row = model_input(some, positions, np.zeros_like(some), causal=False)
        hidden = family.hidden(model, row)[torch.arange(len(some)), torch.from_numpy(places)]
        targets = torch.from_numpy(ids[places])
        nats += float(cross_entropy(family.logits(model, hidden).float(), targets, reduction="sum"))
    return nats
