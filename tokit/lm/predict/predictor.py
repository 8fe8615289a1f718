"""Outputs of a model with a head for labels or tags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers

from tokit.arrays import FloatArray, Ids, IntArray
from tokit.errors import ArtifactError
from tokit.lm.data.padding import by_length, padded
from tokit.lm.folder.weights import load_weights, open_config
from tokit.lm.predict.head import TOKEN


@dataclass(frozen=True)
class Predictor:
    """A model with its head.

    Attributes:
        model: In float32.
        pad: Padding id.
        labels: Name of each output.
    """

    model: Any
    pad: int
    labels: tuple[str, ...]

    def scores(self, ids: Ids, types: IntArray | None = None) -> list[FloatArray]:
        """Scores of each document, as the pipelines of transformers compute them.

        Args:
            ids: Documents with the template's tokens.
            types: Token type ids of pairs, flat as the ids are.

        Returns:
            Shape (labels,) of a head for documents; (tokens, labels) of one for tokens.
        """
        found: list[FloatArray] = [np.zeros(0, dtype=np.float32)] * len(ids)
        lengths = ids.lengths
        for numbers in by_length(lengths):
            logits = self._logits(ids, types, numbers)
            for number, row in zip(numbers.tolist(), self._activated(logits), strict=True):
                found[number] = row[: lengths[number]] if row.ndim == 2 else row
        return found

    def _logits(self, ids: Ids, types: IntArray | None, numbers: IntArray) -> FloatArray:
        rows, real = padded(ids.data, ids.ends, numbers, self.pad)
        inputs = {"input_ids": torch.from_numpy(rows), "attention_mask": torch.from_numpy(real.astype(np.int64))}
        if types is not None:
            inputs["token_type_ids"] = torch.from_numpy(padded(types, ids.ends, numbers, 0)[0])
        with torch.no_grad():
            return self.model(**inputs).logits.float().numpy()  # type: ignore[no-any-return]

    def _activated(self, logits: FloatArray) -> FloatArray:
        """Probabilities, or the values of a regression."""
        problem = None if logits.ndim == 3 else self.model.config.problem_type
        if problem == "regression":
            return logits
        if problem == "multi_label_classification" or (logits.ndim == 2 and logits.shape[-1] == 1):
            # An output far below zero overflows to infinity, whose inverse is right.
            with np.errstate(over="ignore"):
                sigmoid: FloatArray = np.divide(1, 1 + np.exp(-logits), dtype=np.float32)
            return sigmoid
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        scores: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
        return scores


def takes_types(folder: Path, model: Any) -> bool:
    """True if transformers gives the model token type ids: the model has them, and its tokenizer's settings too.

    Raises:
        ArtifactError: transformers does not open the tokenizer.
    """
    if int(getattr(model.config, "type_vocab_size", 0) or 0) < 2:
        return False
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # errors of transformers have no common class
        raise ArtifactError(
            f"{folder}: transformers does not open its tokenizer: {error}", hint="get the folder again"
        ) from error
    return "token_type_ids" in tokenizer.model_input_names


def load_predictor(folder: Path, head: str, *, pad: int, threads: int) -> Predictor:
    """Load a model with its head.

    Args:
        folder: A folder of tokit or transformers, with weights in safetensors.
        head: See `head_of`.
        pad: Padding id of its tokenizer.
        threads: Threads of torch.

    Raises:
        ArtifactError: its files are missing or damaged, or its weights lack the head.
    """
    torch.set_num_threads(threads)
    config = open_config(folder)
    if config.pad_token_id is None:
        config.pad_token_id = pad
    kind = (
        transformers.AutoModelForTokenClassification
        if head == TOKEN
        else (transformers.AutoModelForSequenceClassification)
    )
    model, missing = load_weights(folder, kind, config)
    if missing:
        raise ArtifactError(
            f"{folder}: its weights lack {missing[0]}, without which the predictions would be random",
            hint=f"tokit finetune examples.tsv -m {folder} -o NEW trains a head",
        )
    model.eval()
    labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
    return Predictor(model, int(config.pad_token_id), labels)
