"""Checks of a model before it is fine-tuned, and its training in a thread that can be interrupted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tokit.errors import ArtifactError, UsageError
from tokit.lm import OWN_TYPES
from tokit.lm.contextual_embedder import is_language_model
from tokit.lm.finetune.encode_examples import ExampleEncoding, Task
from tokit.lm.folder.config import read_config
from tokit.lm.pretrain_params import FinetuneParams
from tokit.runtime.threads import interruptible
from tokit.storage.folder import kind_of
from tokit.storage.model_manifests import OnnxManifest
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.finetune.finetuning_loop import Finetuned, FinetuneJob


def trainable_tokenizer(folder: Path) -> LibraryTokenizer:
    """Tokenizer of a model that can be fine-tuned.

    Raises:
        ArtifactError: the folder holds no language model, or has no tokenizer.json.
        UsageError: the model has no head for tasks.
    """
    tokenizer = load_tokenizer(folder)
    if not is_language_model(folder):
        raise ArtifactError(f"{folder} holds no language model", hint="tokit fit bert … -o MODEL trains one")
    if kind_of(folder) == OnnxManifest.kind:
        raise UsageError(
            f"{folder} is an ONNX model, which cannot be trained", hint="give the model it was exported from"
        )
    own = OWN_TYPES.get(str(read_config(folder).get("model_type")))
    if own is not None:
        raise UsageError(f"{folder}: {own} has no head for tasks", hint="use a bert, modernbert or llama")
    if not isinstance(tokenizer, LibraryTokenizer):
        raise ArtifactError(f"{folder}: it has no tokenizer.json", hint="give a folder with one")
    return tokenizer


def finetune_job(
    folder: Path,
    task: Task,
    encodings: Sequence[ExampleEncoding],
    tokenizer: LibraryTokenizer,
    params: FinetuneParams,
) -> FinetuneJob:
    """Inputs of a run, without its seed, threads and frozen layers."""
    from tokit.lm.finetune.finetuning_loop import FinetuneJob

    train, held_out = (encoding.examples for encoding in encodings)
    special = tokenizer.special_ids
    return FinetuneJob(
        folder=folder,
        kind=task.kind,
        labels=task.labels,
        train=train,
        held_out=held_out,
        pad=special.get("pad", special.get("endoftext", 0)),
        params=params,
    )


def train(job: FinetuneJob) -> Finetuned:
    """Run a fine-tuning; an interrupt stops it.

    Raises:
        UsageError: the model does not have a layer that is to be frozen.
        TrainingError: the loss is not finite.
        ArtifactError: the model cannot be loaded.
    """
    from tokit.lm.finetune.finetuning_loop import run_finetuning

    try:
        return interruptible(lambda: run_finetuning(job))
    except BaseException:
        job.stop.set()
        raise
