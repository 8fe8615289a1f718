"""Scores of a model on held-out documents.

A causal model is measured in bits per byte of the raw text, which can be compared across tokenizers; the loss of
special tokens is not counted, as they have no bytes. A masked model has a pseudo-likelihood instead: each token is
predicted from all others (Salazar et al. 2020, https://aclanthology.org/2020.acl-main.240).
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

# Rows per batch, and the random stream of the masks.
ROWS_AT_ONCE, SCORED = 32, 3
# Tokens of the pseudo-likelihood: each one costs a pass over its row.
PSEUDO_TOKENS = 2_000


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Documents that are not trained on.

    Attributes:
        stream: Their ids, with the template's special tokens as in training.
        bytes: Bytes of each document's raw text; int64, shape (documents,).
        lossless: Whether the tokenizer keeps every byte; only then are bits per byte computed.
    """

    stream: IdStream
    bytes: IntArray
    lossless: bool


@dataclass(frozen=True, slots=True)
class Score:
    """Result of a validation.

    Attributes:
        loss: In nats per predicted token.
        bits_per_byte: Only of a causal model on a lossless tokenizer.
    """

    loss: float
    bits_per_byte: float | None


class Validator(Protocol):
    """Scores a model on held-out documents."""

    @property
    def empty(self) -> bool:
        """True when there is nothing to score on."""

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model, in float32."""


class Validation:
    """Scores a model on the same tokens each time.

    Args:
        held_out: The documents.
        masking: Masks tokens for a masked model.
        causal: Whether the next token is predicted.
        context: Tokens per row.
        rate: Fraction of words to mask.
        seed: Seed of the masks.
    """

    def __init__(
        self, held_out: HeldOut, masking: Masking, *, causal: bool, context: int, rate: float, seed: int
    ) -> None:
        self._held_out = held_out
        self._masking = masking
        self._causal = causal
        self._rows = PackedRows(held_out.stream, context)
        self._rate = rate
        self._seed = seed

    @property
    def empty(self) -> bool:
        """True when there is nothing to score on."""
        return self._rows.count == 0

    def score(self, family: type[LanguageModelFamily], model: Model) -> Score:
        """Score a model, in float32."""
        model.eval()
        nats = count = text_nats = 0.0
        with torch.no_grad():
            for inputs, at, targets in self._batches():
                vectors, expected = family.predictors(model, inputs, at, targets)
                losses = cross_entropy(family.logits(model, vectors).float(), expected, reduction="none").double()
                # Ignored targets have a loss of 0.
                nats += float(losses.sum())
                count += int((expected != IGNORE_INDEX).sum())
                losses = losses[: len(targets)]
                text_nats += float(losses[~torch.from_numpy(self._masking.special[targets.numpy()])].sum())
        model.train()
        return Score(nats / max(count, 1), self._bits(text_nats) if self._causal else None)

    def _bits(self, nats: float) -> float | None:
        size = int(self._held_out.bytes.sum())
        return nats / math.log(2) / size if self._held_out.lossless and size else None

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
        tokens, positions, documents = ids[:, :-1], positions[:, :-1], documents[:, :-1]
        if self._causal:
            at, targets = np.arange(tokens.size), ids[:, 1:].reshape(-1)
        else:
            masked, at = self._masking.mask_words(tokens, self._rate, draw(self._seed, SCORED, number))
            targets, tokens = tokens.reshape(-1)[at], masked
        inputs = model_input(tokens, positions, documents, causal=self._causal)
        return inputs, torch.from_numpy(at), torch.from_numpy(targets)


def model_input(ids: IntArray, positions: IntArray, documents: IntArray, *, causal: bool) -> ModelInput:
    """Model input from arrays of packed rows."""
    mask = attention_mask(torch.from_numpy(np.ascontiguousarray(documents)), causal=causal)
    return ModelInput(
        torch.from_numpy(np.ascontiguousarray(ids)), torch.from_numpy(np.ascontiguousarray(positions)), mask
    )


def pseudo_bits_per_byte(
    family: type[LanguageModelFamily],
    model: Model,
    held_out: HeldOut,
    masking: Masking,
    context: int,
    *,
    tokens: int = PSEUDO_TOKENS,
) -> float | None:
    """Bits of each token, predicted from all others of its document, over the bytes of the text.

    Documents are taken in order, those longer than `context` in parts, until `tokens` is reached. Of a document that is
    not used up, the same fraction of its bytes counts as of its tokens.

    Returns:
        None on a lossy tokenizer, or when there is no document.
    """
    if not held_out.lossless or not len(held_out.stream.ends):
        return None
    nats, size, left = 0.0, 0.0, tokens
    model.eval()
    starts = np.concatenate([np.zeros(1, dtype=np.int64), held_out.stream.ends])[:-1]
    with torch.no_grad():
        for start, end, length in zip(
            starts.tolist(), held_out.stream.ends.tolist(), held_out.bytes.tolist(), strict=True
        ):
            for first in range(start, end, context):
                if left <= 0:
                    break
                ids = held_out.stream.data[first : min(first + context, end)].astype(np.int64)
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
        rows, places = copies[first : first + ROWS_AT_ONCE], at[first : first + ROWS_AT_ONCE]
        positions = np.repeat(np.arange(len(ids))[None, :], len(rows), axis=0)
        inputs = model_input(rows, positions, np.zeros_like(rows), causal=False)
        hidden = family.hidden(model, inputs)[torch.arange(len(rows)), torch.from_numpy(places)]
        targets = torch.from_numpy(ids[places])
        nats += float(cross_entropy(family.logits(model, hidden).float(), targets, reduction="sum"))
    return nats
