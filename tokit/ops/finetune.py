"""`tokit finetune`: a language model taught a task by labeled examples, and measured on some that were held out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokit.corpus import Fingerprint, split_mask
from tokit.corpus.corpus_progress import corpus_facts
from tokit.corpus.labeled import Columns, Example, check_labels, read_labeled
from tokit.errors import ArtifactError, CorpusError, UsageError
from tokit.lm import OWN_TYPES, require_lm_extra
from tokit.lm.contextual_embedder import context_of, is_language_model
from tokit.lm.finetune.encode_examples import Encoding, Task, block_of, encode_examples, scores_of
from tokit.lm.folder.config import read_config
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.lm.pretrain_params import ONE_LABEL, FinetuneParams
from tokit.params import fill
from tokit.progress import Tick, silent
from tokit.runtime.threads import available_threads, interruptible
from tokit.storage.folder import check_target, kind_of, writing
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.load import load_tokenizer

if TYPE_CHECKING:
    from tokit.lm.finetune.finetuning_loop import Finetuned, FinetuneJob

DEFAULT_VALIDATION = 0.1


@dataclass(frozen=True, slots=True)
class FinetuneReport:
    """What a fine-tuning gave.

    Attributes:
        path: The folder.
        task: "classify", "tokens" or "pairs".
        family: Of the model, as transformers names it.
        labels: None of them when pairs have scores.
        examples: That were learned from.
        held_out: Examples that were not.
        scores: On those: accuracy and macro_f1; token_accuracy and entity_f1 (of spans in the BIO scheme; None without
            any); or pearson and spearman.
        unknown: Held-out examples with a label that training did not have; they count as wrong.
        cut: Examples that were longer than the model takes.
        epochs: Passes over the examples.
        steps: Of the optimizer.
        losses: Mean loss of each epoch.
        examples_per_second: While training.
        precision: Of the products.
        threads: That computed.
        parameters: Of the model.
        frozen: Of these stayed as they were.
    """

    path: str
    task: str
    family: str
    labels: tuple[str, ...]
    examples: int
    held_out: int
    scores: dict[str, float | None]
    unknown: int
    cut: int
    epochs: int
    steps: int
    losses: tuple[float, ...]
    examples_per_second: float
    precision: str
    threads: int
    parameters: int
    frozen: int


@dataclass(frozen=True, slots=True)
class _Data:
    """Examples of a task, apart."""

    task: Task
    train: list[Example]
    held_out: list[Example]

    @property
    def unknown(self) -> int:
        known = set(self.task.labels)
        return sum(not known.issuperset(each.labels) for each in self.held_out) if known else 0


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
    overwrite: bool = False,
    tick: Tick = silent,
) -> FinetuneReport:
    """Teach a language model a task and write it as transformers loads it for that task.

    Args:
        model: A folder of ours or of transformers, with weights in safetensors and a tokenizer.json.
        data: Files of labeled examples.
        out: The folder to write.
        columns: The task, and where labels and texts stand in the files.
        held_out: A file of examples to be measured on; None holds some of `data` out.
        validation: How many of them, as a share; 0.1 by default. Which ones, a hash of the text says.
        settings: Of `FinetuneParams`.
        freeze: Names or globs of layers that stay as they are.
        seed: Of the new head, the order of examples and what is left out.
        threads: That compute; None takes all processors. The same number gives the same bytes.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: settings that cannot be meant.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: examples that cannot be read, or none.
        TrainingError: a loss that is not finite.
        ArtifactError: the model cannot be opened, or the folder not be written.
    """
    require_lm_extra("'tokit finetune'")
    params = fill(FinetuneParams, settings or {})
    share = _checked_share(validation, held_out)
    if not 0 <= seed < 1 << 32:
        raise UsageError(f"--seed {seed}: not between 0 and {(1 << 32) - 1}", hint="--seed 0")
    check_target(out, overwrite=overwrite)
    folder = Path(model)
    tokenizer = _tokenizer_of(folder)
    found = _read(data, columns or Columns(), held_out, share, seed)
    context = context_of(folder) if params.context_length is None else min(params.context_length, context_of(folder))
    encodings = tuple(encode_examples(some, found.task, tokenizer, context) for some in (found.train, found.held_out))
    job = _job(folder, found.task, encodings, tokenizer, params)
    job = dataclasses.replace(job, freeze=tuple(freeze), seed=seed, threads=threads or available_threads(), tick=tick)
    trained = _train(job)
    scores = scores_of(found.held_out, encodings[1], trained.told, found.task) if found.held_out else {}
    report = FinetuneReport(
        str(out), found.task.name, str(trained.model.config.model_type), found.task.labels, len(found.train),
        len(found.held_out), scores, found.unknown, sum(each.cut for each in encodings), params.epochs, trained.steps,
        trained.losses, trained.examples_per_second, trained.precision, job.threads,
        sum(each.numel() for each in trained.model.parameters()), trained.frozen,
    )  # fmt: skip
    _save(trained, job, report, tokenizer, found=found, context=context, overwrite=overwrite)
    return report


def _checked_share(validation: float | None, held_out: str | None) -> float:
    if validation is not None and held_out is not None:
        raise UsageError("--validation and --held-out both say what to measure on", hint="leave one of them out")
    if validation is not None and not 0 <= validation <= 0.9:
        raise UsageError(f"--validation {validation:g}: not between 0 and 0.9", hint="--validation 0.1")
    return 0.0 if held_out is not None else DEFAULT_VALIDATION if validation is None else validation


def _tokenizer_of(folder: Path) -> LibraryTokenizer:
    tokenizer = load_tokenizer(folder)
    if not is_language_model(folder):
        raise ArtifactError(f"{folder} holds no language model", hint="tokit fit bert makes one")
    if kind_of(folder) == "onnx":
        raise UsageError(f"{folder} is a model in ONNX, which cannot be trained", hint="give the model it was made of")
    own = OWN_TYPES.get(str(read_config(folder).get("model_type")))
    if own is not None:
        raise UsageError(f"{folder}: {own} has no heads for tasks", hint="take a bert, modernbert or llama")
    if not isinstance(tokenizer, LibraryTokenizer):
        raise ArtifactError(f"{folder}: its tokenizer is no tokenizer.json", hint="give a folder that has one")
    return tokenizer


def _read(data: Sequence[str], columns: Columns, held_out: str | None, share: float, seed: int) -> _Data:
    name, examples = read_labeled(data, columns)
    if held_out is None:
        out = split_mask(block_of(examples), share, seed=seed).tolist()
        train = [example for example, apart in zip(examples, out, strict=True) if not apart]
        held = [example for example, apart in zip(examples, out, strict=True) if apart]
    else:
        train, held = examples, read_labeled([held_out], dataclasses.replace(columns, task=name))[1]
    if not train:
        raise CorpusError("all examples were held out", hint="give more of them, or a smaller --validation")
    task = Task.of(name, train if held_out is not None else examples)
    if task.kind == ONE_LABEL:
        check_labels(name, data, columns, examples)
    if len(task.labels) == 1:
        raise CorpusError(f"every example has the label '{task.labels[0]}'", hint="is --label the right column?")
    _check_scores(task, held)
    return _Data(task, train, held)


def _check_scores(task: Task, held: list[Example]) -> None:
    if task.labels:
        return
    for example in held:
        try:
            float(example.labels[0])
        except ValueError:
            raise CorpusError(
                f"'{example.labels[0]}' among the held-out examples is no score", hint="do both files hold the same?"
            ) from None


def _job(
    folder: Path, task: Task, encodings: tuple[Encoding, ...], tokenizer: LibraryTokenizer, params: FinetuneParams
) -> FinetuneJob:
    from tokit.lm.finetune.finetuning_loop import FinetuneJob

    train, held = (each.examples for each in encodings)
    special = tokenizer.special_ids
    pad = special.get("pad", special.get("endoftext", 0))
    return FinetuneJob(folder, task.kind, task.labels, train, held, pad, params)


def _train(job: FinetuneJob) -> Finetuned:
    from tokit.lm.finetune.finetuning_loop import run_finetuning

    try:
        return interruptible(lambda: run_finetuning(job))
    except BaseException:
        job.stop.set()
        raise


def _save(
    trained: Finetuned,
    job: FinetuneJob,
    report: FinetuneReport,
    tokenizer: LibraryTokenizer,
    *,
    found: _Data,
    context: int,
    overwrite: bool,
) -> None:
    from tokit.lm.checkpoint import weight_files
    from tokit.lm.folder.model_folder import write_stock_model

    files = weight_files(job.folder)
    with writing(report.path, "contextual", overwrite=overwrite) as draft:
        write_stock_model(draft.path, trained.model, context)
        typed = int(getattr(trained.model.config, "type_vocab_size", 0) or 0) > 1
        write_model_tokenizer(draft.path, tokenizer, context, typed=typed)
        draft.manifest = {
            "family": report.family,
            "vocab_size": tokenizer.vocab_size,
            "dim": int(trained.model.config.hidden_size),
            "context": context,
            "task": {
                "name": report.task,
                "labels": list(report.labels),
                "examples": report.examples,
                "held_out": report.held_out,
                "scores": report.scores,
            },
            "params": dataclasses.asdict(job.params),
            "freeze": list(job.freeze),
            "from": {"files": files},
            "tokenizer_family": tokenizer.family,
            "tokenizer_sha256": tokenizer.sha256,
            "special_tokens": tokenizer.special_ids,
            "steps": report.steps,
            "losses": list(report.losses),
            "precision": report.precision,
            "seed": job.seed,
            "threads": job.threads,
            "reproducible": True,
            "corpus": corpus_facts(Fingerprint.of(block_of(found.train))).as_dict(),
        }
