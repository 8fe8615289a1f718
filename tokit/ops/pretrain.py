"""`tokit fit bert` and its like: from a corpus and a tokenizer to a language model that transformers loads.

The corpus is encoded once, each document framed by the special tokens of the model's template; some documents are held
out by a hash of their text.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tokit.arrays import Block, Ids, IntArray
from tokit.corpus import Corpus, Fingerprint, split_mask
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.errors import UsageError
from tokit.ids.stream import StreamWriter
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.lm.initialize import InitOptions, InitReport, initialize_model, tokenizer_of
from tokit.lm.plan import NO_INIT, PretrainPlan, plan_pretraining
from tokit.progress import Tick, silent
from tokit.runtime.memory import keep_memory
from tokit.runtime.threads import interruptible
from tokit.storage.folder import check_target, writing
from tokit.storage.manifests import CorpusFacts
from tokit.storage.training_state import NEVER, Checkpoints
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.special_copies import with_template

if TYPE_CHECKING:
    from tokit.lm.families.base import LanguageModelFamily
    from tokit.lm.train.job import Pretrained, PretrainJob
    from tokit.lm.train.validation import HeldOut

FRAMED = EncodeOptions(add_special=True)
# Fewer than so many teach a model nothing.
FEW_STEPS = 20


@dataclass(frozen=True, slots=True)
class PretrainReport:
    """What pre-training gave."""

    path: str
    family: str
    vocab_size: int
    layers: int
    dim: int
    parameters: int
    documents: int
    bytes: int
    tokens: int
    steps: int
    tokens_trained: int
    tokens_per_second: float
    losses: tuple[float, ...]
    evaluations: tuple[dict[str, Any], ...]
    held_out_loss: float | None
    bits_per_byte: float | None
    pseudo_bits_per_byte: float | None
    stopped_early: bool
    precision: str
    threads: int
    opens_in: tuple[str, ...]
    skipped: int
    replaced: int
    notes: tuple[str, ...] = ()
    frozen: int = 0
    start: InitReport | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """The corpus as ids, and what was held out of it."""

    train: StreamWriter
    held_out: HeldOut
    facts: CorpusFacts


def pretrain(
    corpus: Corpus,
    tokenizer: str | Path | Tokenizer | None,
    out: str | Path,
    *,
    family: str = "bert",
    size: str | None = None,
    settings: Mapping[str, Any] | None = None,
    start: InitOptions = NO_INIT,
    sentence: str | None = None,
    minutes: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    checkpoint_every: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> PretrainReport:
    """Pre-train a language model on a corpus and write it.

    Args:
        corpus: Text to learn from; it is read once.
        tokenizer: A tokenizer, or where one lies; special tokens that the model needs are added to a copy. None takes
            that of `start`.
        out: The folder to write.
        family: A name out of `tokit.lm.LANGUAGE_MODELS`.
        size: "tiny", "mini", "small" or "base"; None is "mini", or what a checkpoint has.
        settings: The family's own parameters.
        start: A checkpoint or vectors to begin with, and layers that stay as they are.
        sentence: "simcse" teaches a checkpoint vectors of documents, and predicts nothing.
        minutes: Time for the whole training: how many steps fit is measured once, and kept in the checkpoint.
        seed: Of weights, the order of text and what is masked.
        threads: That compute; None takes all processors. The same number gives the same bytes.
        checkpoint_every: Keep the state in `OUT.checkpoint` after so many tokens, again and again.
        resume: Go on from there, when there is one, to the same weights as a run that was never killed.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: settings that cannot be meant.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: text that cannot be read, or none.
        TrainingError: too little text, a loss that is not finite, or no token with a vector to begin with.
        ArtifactError: the tokenizer or the start cannot be opened, or the folder not be written.
    """
    started = time.monotonic()
    plan = plan_pretraining(family, size, settings, start, sentence, minutes=minutes, seed=seed, threads=threads)
    check_target(out, overwrite=overwrite)
    if checkpoint_every is not None and checkpoint_every < 1:
        raise UsageError(f"--checkpoint-every {checkpoint_every}: not a positive number of tokens", hint="1000000")
    given = tokenizer_of(tokenizer, start)
    # A checkpoint has learned what its own tokenizer puts around a text.
    source, notes = model_tokenizer(given, plan.family, own=tokenizer is None and start.checkpoint is not None)
    begun = initialize_model(start, plan.family, plan.shape, plan.params, given=given, source=source, seed=plan.seed)
    plan = dataclasses.replace(plan, shape=begun.shape, begun=begun)
    with StreamWriter(source.vocab_size) as train, StreamWriter(source.vocab_size) as held:
        text = _encode(corpus, source, (train, held), plan, tick)
        source.release()
        job = _job(text, source, plan, started, tick)
        checkpoints = _checkpoints(plan, source, text.facts, out=out, every=checkpoint_every, resume=resume)
        job = dataclasses.replace(job, checkpoints=checkpoints)
        trained = _pretrain(plan.family, job)
    _save(trained, plan, source, text, out=out, overwrite=overwrite)
    if checkpoints:
        checkpoints.clear()
    config = trained.model.config
    if not trained.evaluations and plan.params.validation_fraction:
        notes += ("too little text was held out: nothing says how good the model is",)
    if minutes is not None and trained.steps < FEW_STEPS:
        notes += (f"no more than {trained.steps} steps went into --minutes {minutes:g}: a model learns in thousands",)
    return PretrainReport(
        str(out), family, source.vocab_size, plan.shape.num_hidden_layers, int(config.hidden_size),
        sum(each.numel() for each in trained.model.parameters()), text.facts.documents, text.facts.bytes,
        int(train.token_counts.sum()), trained.steps, trained.tokens, trained.tokens_per_second, trained.losses,
        tuple(dataclasses.asdict(each) for each in trained.evaluations), *scored(trained),
        trained.pseudo_bits_per_byte, trained.stopped_early, trained.precision, plan.threads, opens_in(plan.family),
        corpus.skipped, corpus.replaced, notes,
        sum(each.numel() for each in trained.model.parameters() if not each.requires_grad), plan.begun.report,
    )  # fmt: skip


def scored(trained: Pretrained) -> tuple[float | None, float | None]:
    """(loss, bits per byte) of the weights that are kept, on documents held out."""
    return (trained.score.loss, trained.score.bits_per_byte) if trained.score else (None, None)


def opens_in(family: type[LanguageModelFamily]) -> tuple[str, ...]:
    """Libraries that load a family's folder as it is."""
    return ("tokit", "transformers", "sentence-transformers") if family.stock else ("tokit",)


def model_tokenizer(
    tokenizer: Tokenizer, family: type[LanguageModelFamily], *, own: bool = False
) -> tuple[LibraryTokenizer, tuple[str, ...]]:
    """The tokenizer as a model needs it: with its special tokens, and a template around each document.

    Args:
        tokenizer: As it was given.
        family: What is trained.
        own: Whether the template is the tokenizer's own, if it has one; else it is the family's.
    """
    has_one = own and bool(tokenizer.encode("", FRAMED))
    source, added = with_template(tokenizer, family.roles, None if has_one else family.template)
    notes = (f"the tokenizer had no {', '.join(added)}: the folder keeps a copy with these tokens",) if added else ()
    return source, notes


def _encode(
    corpus: Corpus,
    tokenizer: LibraryTokenizer,
    streams: tuple[StreamWriter, StreamWriter],
    plan: PretrainPlan,
    tick: Tick,
) -> Encoded:
    from tokit.lm.train.validation import HeldOut

    train, held = streams
    share = plan.params.validation_fraction

    def finished(block: Block, ids: Ids) -> tuple[Ids, Ids, np.ndarray[Any, np.dtype[np.int64]], Fingerprint]:
        out = split_mask(block, share, seed=plan.seed)
        return ids.select(~out), ids.select(out), block.lengths[out], Fingerprint.of(block)

    fingerprint, sizes, full = Fingerprint(), np.zeros(0, dtype=np.int64), False
    for ids, others, lengths, part in encode_corpus(corpus, tokenizer, finished, FRAMED, tick):
        train.add(ids)
        fingerprint.merge(part)
        if not full:
            taken, offered = len(sizes), np.concatenate([sizes, lengths])
            sizes = within(offered, plan.params.validation_bytes)
            held.add(others.select(np.arange(len(others)) < len(sizes) - taken))
            # Which documents they are must not depend on where blocks end.
            full = len(sizes) < len(offered)
    if not fingerprint.documents:
        raise empty_corpus()
    held_out = HeldOut(held.mapped(), sizes, tokenizer.lossless)
    return Encoded(train, held_out, corpus_facts(fingerprint))


def within(sizes: IntArray, room: int) -> IntArray:
    """The first of some sizes that go into a room together, but always one: the same for every tokenizer."""
    return sizes[: max(1, int(np.searchsorted(np.cumsum(sizes), room, side="right")))]


def _job(text: Encoded, source: LibraryTokenizer, plan: PretrainPlan, started: float, tick: Tick) -> PretrainJob:
    from tokit.lm.train.job import PretrainJob

    return PretrainJob(
        text.train.mapped(), text.held_out, source.pieces, source.special_ids, plan.shape, plan.params, plan.seed,
        plan.threads, plan.minutes, started, tick, begin=plan.begun.begin, sentence=plan.sentence is not None,
    )  # fmt: skip


def _checkpoints(
    plan: PretrainPlan,
    source: LibraryTokenizer,
    facts: CorpusFacts,
    *,
    out: str | Path,
    every: int | None,
    resume: bool,
) -> Checkpoints | None:
    if every is None and not resume:
        return None
    job = {
        "family": plan.family.name,
        "params": dataclasses.asdict(plan.params),
        "shape": dataclasses.asdict(plan.shape),
        "seed": plan.seed,
        "threads": plan.threads,
        "minutes": plan.minutes,
        "sentence": plan.sentence,
        "tokenizer": source.sha256,
        "corpus": facts.as_dict(),
        **plan.begun.facts,
    }
    path = Path(out)
    return Checkpoints(path.with_name(f"{path.name}.checkpoint"), every or NEVER, json.dumps(job), resume)


def _pretrain(family: type[LanguageModelFamily], job: PretrainJob) -> Pretrained:
    from tokit.lm.train.pretraining_loop import pretrain

    keep_memory()
    try:
        return interruptible(lambda: pretrain(family, job))
    except BaseException:
        job.stop.set()
        raise


def _save(
    trained: Pretrained,
    plan: PretrainPlan,
    source: LibraryTokenizer,
    text: Encoded,
    *,
    out: str | Path,
    overwrite: bool,
) -> None:
    from tokit.lm.folder.model_folder import write_model

    context = plan.begun.context or plan.params.context_length
    loss, bits = scored(trained)
    with writing(out, "contextual", overwrite=overwrite) as draft:
        write_model(draft.path, plan.family, trained.model, context)
        write_model_tokenizer(draft.path, source, context)
        draft.manifest = {
            "family": plan.family.name,
            "vocab_size": source.vocab_size,
            "dim": int(trained.model.config.hidden_size),
            "context": context,
            "size": None if "from" in plan.begun.facts else plan.size,
            "shape": dataclasses.asdict(plan.shape),
            "params": dataclasses.asdict(plan.params),
            "tokenizer_family": source.family,
            "tokenizer_sha256": source.sha256,
            "special_tokens": source.special_ids,
            "steps": trained.steps,
            "stopped_early": trained.stopped_early,
            "sentence": plan.sentence,
            "minutes": plan.minutes,
            "losses": list(trained.losses),
            "evaluations": [dataclasses.asdict(each) for each in trained.evaluations],
            "held_out": {"documents": len(text.held_out.bytes), "bytes": int(text.held_out.bytes.sum())},
            "held_out_loss": loss,
            "bits_per_byte": bits,
            "pseudo_bits_per_byte": trained.pseudo_bits_per_byte,
            "precision": trained.precision,
            "seed": plan.seed,
            "threads": plan.threads,
            "reproducible": True,
            "corpus": text.facts.as_dict(),
            **plan.begun.facts,
        }
