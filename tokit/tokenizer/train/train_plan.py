"""Settings of a tokenizer training, checked before any text is read, and the training of its sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tokit.corpus import Corpus
from tokit.counts.counts_folder import CountsArtifact
from tokit.params import fill
from tokit.progress import Tick
from tokit.runtime.threads import interruptible
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.assemble import assemble, template_processor
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob
from tokit.tokenizer.special_tokens import SpecialTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Settings of a training.

    Attributes:
        family: Of the tokenizer.
        params: The family's own parameters.
        special: Special tokens, by role.
        template: Post-processing template.
        options: Parts of the text pipeline that the user chose.
        seed: Random seed of samples.
    """

    family: type[TokenizerFamily]
    params: Any
    special: SpecialTokens
    template: str
    options: PipelineOptions
    seed: int


def plan_training(
    family: str,
    *,
    pipeline: PipelineOptions | None,
    special_tokens: Sequence[str],
    template: str | None,
    settings: Mapping[str, Any] | None,
    seed: int,
) -> TrainPlan:
    """Check the settings of a training.

    Raises:
        UsageError: an unknown family, parameter, rule, role or template.
    """
    kind = FAMILIES.get(family)
    params = fill(kind.Params, settings or {})
    options = pipeline or PipelineOptions()
    options.over(kind.default_pipeline(params))
    special = SpecialTokens.parse(special_tokens)
    template = kind.default_template() if template is None else template
    template_processor(template, special.with_unknown())
    return TrainPlan(family=kind, params=params, special=special, template=template, options=options, seed=seed)


def train_sizes(
    plan: TrainPlan, counted: CountsArtifact, corpus: Corpus | None, sizes: list[int | None], tick: Tick
) -> Iterator[tuple[LibraryTokenizer, TrainedVocabulary]]:
    """Train a tokenizer of each size, from one run where the family can."""
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
    # The trainers do not handle signals: in a thread of its own the work can be interrupted by Ctrl-C.
    named = [size for size in sizes if size is not None]
    trainings = interruptible(lambda: plan.family.train_sizes(job, named) if named else [plan.family.train(job)])
    for trained in trainings:
        yield assemble(trained, plan.family.name, plan.template), trained
