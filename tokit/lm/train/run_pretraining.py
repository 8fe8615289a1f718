"""Entry to pre-training: makes the initial model and runs the loop of its objective."""

from __future__ import annotations

import torch

from tokit.errors import TrainingError
from tokit.lm.data.packed_batches import PackedRows
from tokit.lm.families.base import LanguageModelFamily, Model
from tokit.lm.train.job import Pretrained, PretrainJob
from tokit.lm.train.pretraining_loop import PretrainingLoop
from tokit.lm.train.simcse import SimCseLoop


def run_pretraining(family: type[LanguageModelFamily], job: PretrainJob) -> Pretrained:
    """Train a model.

    Raises:
        TrainingError: too little text, or a loss that is not finite.
        ArtifactError: the checkpoint belongs to another training.
    """
    torch.set_num_threads(job.threads)
    rows = PackedRows(job.stream, job.params.context_length)
    if rows.count == 0:
        raise TrainingError("the corpus is too short: no two consecutive tokens", hint="give more text")
    loop = SimCseLoop if job.sentence else PretrainingLoop
    return loop(family, job, rows, initial_model(family, job)).run()


def initial_model(family: type[LanguageModelFamily], job: PretrainJob) -> Model:
    """The model before its first step: new, or out of a checkpoint."""
    torch.manual_seed(job.seed)
    start = job.warm_start
    model = (
        family.build(family.config(len(job.pieces), job.special, job.shape, job.params))
        if start.checkpoint is None
        else start.checkpoint.model
    )
    start.apply(model)
    return model
