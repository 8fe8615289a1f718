"""Folder of a fine-tuned model, and the checkpoints beside it."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

from tokit.corpus import Fingerprint
from tokit.corpus.corpus_progress import corpus_facts
from tokit.lm.checkpoint import weight_files
from tokit.lm.finetune.encode_examples import block_of
from tokit.lm.finetune.finetuning_loop import EncodedExamples, Finetuned, FinetuneJob
from tokit.lm.finetune.task_data import TaskData
from tokit.lm.folder.model_folder import write_stock_model
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.storage.hub_names import hub_sources, origin_of
from tokit.storage.model_manifests import LanguageModelManifest, TaskFacts
from tokit.storage.training_state import NEVER, Checkpoints
from tokit.storage.warm_start_facts import CHECKPOINT, WarmStartFacts
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer


def with_checkpoints(job: FinetuneJob, state: Path, *, every: int | None, resume: bool) -> FinetuneJob:
    """A job that saves its state, or continues from what was saved.

    Args:
        job: Inputs of the run.
        state: File of the state.
        every: Examples from one checkpoint to the next; None saves none.
        resume: Continue from the file, when there is one.
    """
    if every is None and not resume:
        return job
    identity = {
        "kind": job.kind,
        "labels": job.labels,
        "examples": _digest(job.train),
        "model": weight_files(job.folder),
        "params": dataclasses.asdict(job.params),
        "freeze": job.freeze,
        "seed": job.seed,
        "threads": job.threads,
    }
    return dataclasses.replace(job, checkpoints=Checkpoints(state, every or NEVER, json.dumps(identity), resume))


def _digest(examples: EncodedExamples) -> str:
    """Hash of the ids, token types and targets of examples, in their order."""
    digest = hashlib.sha256()
    for array in (examples.ids.data, examples.ids.ends, examples.types, examples.targets):
        content = b"" if array is None else array.tobytes()
        # The length keeps one array and the next apart.
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def write_finetuned(
    folder: Path,
    trained: Finetuned,
    job: FinetuneJob,
    tokenizer: LibraryTokenizer,
    *,
    task: TaskFacts,
    found: TaskData,
    context: int,
) -> LanguageModelManifest:
    """Write a fine-tuned model and its tokenizer, as transformers loads them; return the manifest.

    Args:
        folder: An existing folder.
        trained: The model.
        job: Inputs of the run.
        tokenizer: The model's.
        task: The task, and its scores.
        found: The examples.
        context: Largest number of tokens of an example.
    """
    files = weight_files(job.folder)
    config = trained.model.config
    write_stock_model(folder, trained.model, context)
    typed = int(getattr(config, "type_vocab_size", 0) or 0) > 1
    write_model_tokenizer(folder, tokenizer, context, typed=typed)
    return LanguageModelManifest(
        family=str(config.model_type),
        vocab_size=tokenizer.vocab_size,
        dim=int(config.hidden_size),
        context_length=context,
        task=task,
        params=dataclasses.asdict(job.params),
        freeze=job.freeze,
        warm_start=WarmStartFacts(source=CHECKPOINT, files=files),
        tokenizer_family=tokenizer.family,
        tokenizer_sha256=tokenizer.sha256,
        special_ids=tokenizer.special_ids,
        steps=trained.steps,
        losses=trained.losses,
        precision=trained.precision,
        seed=job.seed,
        threads=job.threads,
        reproducible=True,
        corpus=corpus_facts(Fingerprint.of(block_of(found.train))),
        sources=hub_sources(origin_of(job.folder)),
    )
