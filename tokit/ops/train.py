"""`tokit train`: from a corpus or its counts to tokenizer folders, one a vocabulary size."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.corpus import Corpus
from tokit.counts.count_corpus import count_corpus
from tokit.counts.counts_folder import CountsArtifact, load_merged
from tokit.errors import CorpusError, UsageError
from tokit.params import fill
from tokit.progress import Tick, silent
from tokit.runtime.memory import give_back
from tokit.runtime.threads import interruptible
from tokit.storage.folder import check_target, writing
from tokit.storage.manifests import TokenizerManifest
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.assemble import assemble, template_processor
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob
from tokit.tokenizer.special_tokens import SpecialTokens


@dataclass(frozen=True, slots=True)
class TrainedTokenizer:
    """One folder that a training left."""

    path: str
    family: str
    vocab_size: int
    requested: int | None
    lossless: bool
    lossy_because: str
    sha256: str

    @property
    def fell_short(self) -> bool:
        """Whether the corpus could not fill the vocabulary."""
        return self.requested is not None and self.vocab_size < self.requested


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a training gave."""

    tokenizers: tuple[TrainedTokenizer, ...]
    documents: int
    bytes: int
    words: int
    skipped: int
    replaced: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A training as asked for, checked before any text is read."""

    family: type[TokenizerFamily]
    params: Any
    special: SpecialTokens
    template: str
    options: PipelineOptions
    seed: int


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
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    overwrite: bool = False,
    tick: Tick = silent,
) -> TrainReport:
    """Train a tokenizer, or a family of sizes, and write it.

    Args:
        corpus: Text to train on; None when `counts` are given.
        out: The folder to write; with several sizes one folder a size appears in it.
        family: A name out of `tokit.tokenizer.FAMILIES`.
        vocab_sizes: Sizes asked for, special tokens included; none leaves it to the family.
        pipeline: Normalizers, pre-tokenizer, digits; what is None is the family's, or that of the counts.
        counts: Folders of counts to train from.
        special_tokens: `role=text` settings.
        template: "none", "bert", "eos" or a template such as "cls $A sep"; None is the family's.
        settings: The family's own parameters.
        seed: Of samples.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: settings that cannot be meant.
        CorpusError: text that cannot be read, or none.
        TrainingError: a vocabulary below the alphabet.
    """
    started = time.perf_counter()
    plan = plan_training(
        family, pipeline=pipeline, special_tokens=special_tokens, template=template, settings=settings, seed=seed
    )
    targets = _targets(Path(out), vocab_sizes)
    for target, _ in targets:
        check_target(target, overwrite=overwrite)
    with ExitStack() as stack:
        if corpus is not None and plan.family.needs_text(plan.params):
            corpus = stack.enter_context(corpus.spooled())
        counted = _counted(corpus, counts, plan, tick)
        if not len(counted.counts):
            raise CorpusError("the corpus holds no word: its documents are empty", hint="is --unit or --field right?")
        give_back()
        results = []
        tokenizers = _train_all(plan, counted, corpus, [size for _, size in targets], tick)
        for tokenizer, (target, size) in zip(tokenizers, targets, strict=True):
            results.append(_save(tokenizer, plan, counted, target, size, overwrite=overwrite))
    return TrainReport(
        tuple(results),
        counted.corpus.documents,
        counted.corpus.bytes,
        len(counted.counts),
        corpus.skipped if corpus else 0,
        corpus.replaced if corpus else 0,
        time.perf_counter() - started,
    )


def plan_training(
    family: str,
    *,
    pipeline: PipelineOptions | None,
    special_tokens: Sequence[str],
    template: str | None,
    settings: Mapping[str, Any] | None,
    seed: int,
) -> Plan:
    """Check what was asked for.

    Raises:
        UsageError: an unknown family, parameter, rule, role or template.
    """
    kind = FAMILIES.get(family)
    params = fill(kind.Params, settings or {})
    options = pipeline or PipelineOptions()
    options.over(kind.default_pipeline(params))
    special = SpecialTokens.parse(special_tokens)
    chosen = kind.default_template() if template is None else template
    template_processor(chosen, special.with_unknown())
    return Plan(kind, params, special, chosen, options, seed)


def _targets(out: Path, sizes: Sequence[int]) -> list[tuple[Path, int | None]]:
    if len(set(sizes)) != len(sizes):
        raise UsageError("a vocabulary size is given twice", hint="name each size once")
    if len(sizes) > 1:
        # The smallest first: a size below the alphabet is found before anything is written.
        return [(out / str(size), size) for size in sorted(sizes)]
    return [(out, sizes[0] if sizes else None)]


def _counted(corpus: Corpus | None, counts: Sequence[str | Path], plan: Plan, tick: Tick) -> CountsArtifact:
    default = plan.family.default_pipeline(plan.params)
    if corpus is not None:
        if counts:
            raise UsageError("both a corpus and --counts", hint="tokit count --counts A CORPUS -o ALL adds them up")
        return count_corpus(corpus, plan.options.over(default), tick=tick)
    if plan.family.needs_text(plan.params):
        raise UsageError(f"this {plan.family.name} trains on text, not on counts", hint="give the corpus itself")
    return load_merged(counts, plan.options)


def _train_all(
    plan: Plan, counted: CountsArtifact, corpus: Corpus | None, sizes: list[int | None], tick: Tick
) -> Iterator[tuple[LibraryTokenizer, TrainedVocabulary]]:
    """A tokenizer of each size, from one run where the family can."""
    job = TrainingJob(
        pipeline=counted.pipeline,
        special=plan.special,
        vocab_size=sizes[0],
        params=plan.params,
        counts=counted.counts,
        blocks=None if corpus is None else corpus.blocks,
        seed=plan.seed,
        tick=tick,
    )
    # The trainers do not look at signals: in a thread of its own the work can be left at Ctrl-C.
    asked = [size for size in sizes if size is not None]
    made = interruptible(lambda: plan.family.train_sizes(job, asked) if asked else [plan.family.train(job)])
    for trained in made:
        yield assemble(trained, plan.family.name, plan.template), trained


def _save(
    result: tuple[LibraryTokenizer, TrainedVocabulary],
    plan: Plan,
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
            pipeline=counted.pipeline.as_dict(),
            params=dataclasses.asdict(plan.params),
            seed=plan.seed,
            reproducible=trained.reproducible,
            not_reproducible_because=trained.not_reproducible_because,
            corpus=counted.corpus,
            shortfall=counted.shortfall.as_record(),
        )
    requested = plan.family.default_vocab_size if size is None else size
    return TrainedTokenizer(
        str(target),
        tokenizer.family,
        tokenizer.vocab_size,
        requested,
        tokenizer.lossless,
        tokenizer.identity.lossy_because,
        tokenizer.sha256,
    )
