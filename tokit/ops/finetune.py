"""`tokit finetune`: train a language model for a task on labeled examples, and evaluate it on held-out ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.corpus.labeled import Columns
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.embedding.fit_run import check_run, state_file
from tokit.lm import require_lm_extra
from tokit.lm.contextual_embedder import context_of
from tokit.lm.finetune.encode_examples import encode_examples, scores_of
from tokit.lm.finetune.task_data import read_task, validation_fraction
from tokit.lm.finetune.trainable import finetune_job, train, trainable_tokenizer
from tokit.lm.pretrain_params import FinetuneParams
from tokit.params import fill
from tokit.progress import Tick, silent
from tokit.runtime.threads import available_threads
from tokit.storage.folder import writing
from tokit.storage.hub_names import local_path
from tokit.storage.model_manifests import TaskFacts

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneReport(ReadReport):
    """Result of fine-tuning.

    Attributes:
        path: The folder.
        task: "classify", "tokens" or "pairs".
        family: Model type in transformers.
        labels: Empty when pairs have scores.
        examples: Number of training examples.
        held_out: Number of held-out examples.
        scores: On held-out examples: accuracy and macro_f1; token_accuracy and entity_f1 (of spans in the BIO scheme;
            None without any); or pearson and spearman.
        unknown: Held-out examples with a label that training did not have; they count as wrong.
        truncated: Examples that were truncated to the model's context length.
        skipped_lines: Lines of CoNLL-U that are no words: ranges and empty nodes.
        epochs: Passes over the examples.
        steps: Number of optimizer steps.
        losses: Mean training loss of each epoch.
        examples_per_second: Training speed.
        precision: Precision of matrix products.
        threads: Number of threads.
        parameters: Number of parameters.
        frozen: Number of parameters that were not trained.
    """

    path: str
    task: str
    family: str
    labels: tuple[str, ...]
    examples: int
    held_out: int
    scores: dict[str, float | None]
    unknown: int
    truncated: int
    skipped_lines: int
    epochs: int
    steps: int
    losses: tuple[float, ...]
    examples_per_second: float
    precision: str
    threads: int
    parameters: int
    frozen: int


def finetune(
    model: str | Path,
    data: Sequence[str],
    out: str | Path,
    *,
    columns: Columns | None = None,
    held_out: str | None = None,
    validation: float | None = None,
    settings: Mapping[str, Any] | None = None,
    freeze: Sequence[str] = (),
    seed: int = 0,
    threads: int | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> FinetuneReport:
    """Fine-tune a language model for a task; transformers loads the folder for that task.

    Args:
        model: A folder of tokit or transformers, with weights in safetensors and a tokenizer.json.
        data: Files of labeled examples.
        out: The folder to write.
        columns: The task, and the columns of labels and texts in the files.
        held_out: A file of examples to evaluate on; None holds out some of `data`.
        validation: Fraction of `data` to hold out, chosen by a hash of the text; 0.1 by default.
        settings: Values of `FinetuneParams`.
        freeze: Names or globs of layers that are not trained.
        seed: Seed of the new head, the order of examples and dropout.
        threads: Number of threads; None takes all processors. The same number gives the same bytes.
        checkpoint_every: Save the state to `OUT.checkpoint` each time this many examples were trained on.
        resume: Continue from that checkpoint, when there is one, to the same bytes as a run that was never killed.
        overwrite: Replace an existing artifact.
        tick: Progress.

    Raises:
        UsageError: settings are invalid or contradict each other.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: examples cannot be read, or there are none.
        TrainingError: the loss is not finite.
        ArtifactError: the model cannot be opened, the checkpoint is of another training, or the folder cannot be
            written.
    """
    require_lm_extra("'tokit finetune'")
    params = fill(FinetuneParams, settings or {})
    fraction = validation_fraction(validation, held_out)
    check_run(out, seed, checkpoint_every, resume=resume, overwrite=overwrite)
    # "." is another folder, or none, once the result has taken its place.
    state = state_file(out)
    folder = local_path(model)
    tokenizer = trainable_tokenizer(folder)
    found = read_task(data, columns or Columns(), held_out=held_out, validation=fraction, seed=seed)
    context = context_of(folder) if params.context_length is None else min(params.context_length, context_of(folder))
    encodings = tuple(encode_examples(part, found.task, tokenizer, context) for part in (found.train, found.held_out))
    job = finetune_job(folder, found.task, encodings, tokenizer, params)
    job = dataclasses.replace(job, freeze=tuple(freeze), seed=seed, threads=threads or available_threads(), tick=tick)
    from tokit.lm.finetune.finetuned_folder import with_checkpoints, write_finetuned

    job = with_checkpoints(job, state, every=checkpoint_every, resume=resume)
    trained = train(job)
    scores = scores_of(found.held_out, encodings[1], trained.predictions, found.task) if found.held_out else {}
    report = FinetuneReport(
        path=str(out),
        task=found.task.name,
        family=str(trained.model.config.model_type),
        labels=found.task.labels,
        examples=len(found.train),
        held_out=len(found.held_out),
        scores=scores,
        unknown=found.unknown,
        truncated=sum(encoding.truncated for encoding in encodings),
        skipped_lines=found.skipped_lines,
        **read_facts(found),
        epochs=params.epochs,
        steps=trained.steps,
        losses=trained.losses,
        examples_per_second=trained.examples_per_second,
        precision=trained.precision,
        threads=job.threads,
        parameters=sum(parameter.numel() for parameter in trained.model.parameters()),
        frozen=trained.frozen,
    )
    task = TaskFacts(
        name=report.task,
        labels=report.labels,
        examples=report.examples,
        held_out=report.held_out,
        scores=report.scores,
    )
    with writing(out, overwrite=overwrite) as draft:
        draft.manifest = write_finetuned(draft.path, trained, job, tokenizer, task=task, found=found, context=context)
    # Also one of an earlier training that was begun again.
    state.unlink(missing_ok=True)
    return report
