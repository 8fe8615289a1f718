"""`tokit train`: train tokenizers on a corpus or on its counts, one for each vocabulary size."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.corpus import Corpus
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.counts.count_corpus import count_corpus
from tokit.counts.counts_folder import CountsArtifact, load_merged
from tokit.errors import CorpusError, UsageError
from tokit.progress import Tick, silent
from tokit.runtime.memory import give_back
from tokit.runtime.threads import limited_threads
from tokit.storage.folder import check_target, writing
from tokit.storage.manifests import TokenizerManifest
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.families.base import TrainedVocabulary
from tokit.tokenizer.train.train_plan import TrainPlan, plan_training, train_sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedTokenizer:
    """A tokenizer folder that was written.

    Attributes:
        requested: Vocabulary size that was asked for; None for a family that has but one.
        lossy_because: Why decoding may not give the text back; empty for a lossless tokenizer.
    """

    path: str
    family: str
    vocab_size: int
    requested: int | None
    lossless: bool
    lossy_because: str
    sha256: str

    @property
    def fell_short(self) -> bool:
        """True if the corpus has too few pieces for the vocabulary size."""
        return self.requested is not None and self.vocab_size < self.requested


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainReport(ReadReport):
    """Result of training tokenizers.

    Attributes:
        tokenizers: From the smallest vocabulary to the largest.
        words: Number of distinct pre-tokens.
        notes: Notes for the user, on the chat template and on the training.
    """

    tokenizers: tuple[TrainedTokenizer, ...]
    documents: int
    bytes: int
    words: int
    seconds: float
    notes: tuple[str, ...] = ()


def train_tokenizer(
    corpus: Corpus | None,
    out: str | Path,
    *,
    family: str = "bpe",
    vocab_sizes: Sequence[int] = (),
    pipeline: PipelineOptions | None = None,
    counts: Sequence[str | Path] = (),
    special_tokens: Sequence[str] = (),
    template: str | None = None,
    chat_template: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    threads: int | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> TrainReport:
    """Train a tokenizer, or a family of sizes, and write it.

    Args:
        corpus: Text to train on; None when `counts` are given.
        out: The folder to write; with several sizes it holds a folder for each.
        family: A name out of `tokit.tokenizer.FAMILIES`.
        vocab_sizes: Vocabulary sizes, special tokens included; none leaves it to the family.
        pipeline: Normalizers, pre-tokenizer, digits; None in it stands for the family's default, or that of the counts.
        counts: Folders of counts to train from.
        special_tokens: `role=text` settings.
        template: "none", "bert", "eos" or a template such as "cls $A sep"; None is the family's.
        chat_template: "chatml", "llama3" or a Jinja file; None for none.
        settings: The family's own parameters.
        seed: Random seed of samples.
        threads: Number of threads; None takes what the environment allows.
        overwrite: Replace existing tokenizers.
        tick: Progress.

    Raises:
        UsageError: settings that contradict each other or are out of range.
        CorpusError: text that cannot be read, or none.
        TrainingError: a vocabulary below the alphabet.
    """
    started = time.perf_counter()
    plan = plan_training(
        family,
        pipeline=pipeline,
        special_tokens=special_tokens,
        template=template,
        chat_template=chat_template,
        settings=settings,
        seed=seed,
    )
    targets = _targets(Path(out), vocab_sizes)
    for target, _ in targets:
        check_target(target, overwrite=overwrite)
    with limited_threads(threads), ExitStack() as stack:
        if corpus is not None and plan.family.rereads_text(plan.params, plan.pipeline):
            corpus = stack.enter_context(corpus.spooled())
        counted = _counts_of(corpus, counts, plan, tick)
        if not len(counted.counts):
            raise CorpusError("the corpus holds no word: its documents are empty", hint="is --unit or --field right?")
        give_back()
        results: list[TrainedTokenizer] = []
        notes: dict[str, None] = dict.fromkeys(plan.notes)
        tokenizers = train_sizes(plan, counted, corpus, [size for _, size in targets], tick)
        for tokenizer, (target, size) in zip(tokenizers, targets, strict=True):
            results.append(_save(tokenizer, plan, counted, target, size, overwrite=overwrite))
            notes |= dict.fromkeys(tokenizer[1].notes)
    return TrainReport(
        tokenizers=tuple(results),
        documents=counted.corpus.documents,
        bytes=counted.corpus.bytes,
        words=len(counted.counts),
        **read_facts(corpus),
        seconds=time.perf_counter() - started,
        notes=tuple(notes),
    )


def _targets(out: Path, sizes: Sequence[int]) -> list[tuple[Path, int | None]]:
    if len(set(sizes)) != len(sizes):
        raise UsageError("a vocabulary size is given twice", hint="name each size once")
    if len(sizes) > 1:
        # The smallest first: a size below the alphabet is found before anything is written.
        return [(out / str(size), size) for size in sorted(sizes)]
    return [(out, sizes[0] if sizes else None)]


def _counts_of(corpus: Corpus | None, counts: Sequence[str | Path], plan: TrainPlan, tick: Tick) -> CountsArtifact:
    if corpus is not None and counts:
        raise UsageError("both a corpus and --counts", hint="tokit count --counts A CORPUS -o ALL adds them up")
    if corpus is not None:
        return count_corpus(corpus, plan.pipeline, tick=tick)
    if plan.family.needs_text(plan.params):
        raise UsageError(f"this {plan.family.name} trains on text, not on counts", hint="give the corpus itself")
    return load_merged(counts, plan.options)


def _save(
    result: tuple[LibraryTokenizer, TrainedVocabulary],
    plan: TrainPlan,
    counted: CountsArtifact,
    target: Path,
    size: int | None,
    *,
    overwrite: bool,
) -> TrainedTokenizer:
    tokenizer, trained = result
    with writing(target, overwrite=overwrite) as draft:
        tokenizer.save_files(draft.path)
        for name, content in trained.files.items():
            (draft.path / name).write_bytes(content)
        draft.manifest = TokenizerManifest(
            family=tokenizer.family,
            vocab_size=tokenizer.vocab_size,
            requested_vocab_size=size,
            lossless=tokenizer.lossless,
            lossy_because=tokenizer.identity.lossy_because,
            special_tokens=trained.special.by_role,
            special_ids=tokenizer.special_ids,
            template=plan.template or "none",
            chat_template=None if plan.chat_template is None else plan.chat_template.name,
            pipeline=counted.pipeline.as_dict(),
            params=dataclasses.asdict(plan.params),
            seed=plan.seed,
            reproducible=trained.reproducible,
            not_reproducible_because=trained.not_reproducible_because,
            corpus=counted.corpus,
            shortfall=counted.shortfall.as_record(),
            sources=counted.sources,
        )
    requested = plan.family.default_vocab_size if size is None else size
    return TrainedTokenizer(
        path=str(target),
        family=tokenizer.family,
        vocab_size=tokenizer.vocab_size,
        requested=requested,
        lossless=tokenizer.lossless,
        lossy_because=tokenizer.identity.lossy_because,
        sha256=tokenizer.sha256,
    )
