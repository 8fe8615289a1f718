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
from tokit.text.pipeline import PipelineOptions, TextPipeline
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.assemble import assemble, template_processor
from tokit.tokenizer.chat.chat_template import ChatTemplate
from tokit.tokenizer.chat.check_template import check_template
from tokit.tokenizer.chat.template_files import DEFAULT
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.families.base import TokenizerFamily, TrainedVocabulary, TrainingJob
from tokit.tokenizer.special_tokens import SpecialTokens
from tokit.tokenizer.tokenizer_folder import special_tokens_map


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainPlan:
    """Settings of a training.

    Attributes:
        family: Of the tokenizer.
        params: The family's own parameters.
        special: Special tokens, by role.
        template: Post-processing template.
        chat_template: Template for conversations; None for none.
        notes: What the user should know of it.
        options: Parts of the text pipeline that the user chose.
        seed: Random seed of samples.
    """

    family: type[TokenizerFamily]
    params: Any
    special: SpecialTokens
    template: str
    chat_template: ChatTemplate | None
    notes: tuple[str, ...]
    options: PipelineOptions
    seed: int

    @property
    def pipeline(self) -> TextPipeline:
        """The text pipeline: what the user chose over the default of the family."""
        return self.options.over(self.family.default_pipeline(self.params))


def plan_training(
    family: str,
    *,
    pipeline: PipelineOptions | None,
    special_tokens: Sequence[str],
    template: str | None,
    chat_template: str | None,
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
    chat = None if chat_template is None else ChatTemplate.open(chat_template, special_tokens)
    special = SpecialTokens.parse(special_tokens if chat is None else chat.settings)
    template = kind.default_template() if template is None else template
    template_processor(template, special.with_unknown())
    notes = () if chat is None else chat_notes(chat, special)
    return TrainPlan(
        family=kind,
        params=params,
        special=special,
        template=template,
        chat_template=chat,
        notes=notes,
        options=options,
        seed=seed,
    )


def chat_notes(template: ChatTemplate, special: SpecialTokens) -> tuple[str, ...]:
    """Notes on a chat template of the user's own.

    Raises:
        UsageError: it does not fit the special tokens.
    """
    if template.built_in:
        return ()
    return check_template(template.source, special.texts, special_tokens_map(special.by_role))


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
        tokenizer = assemble(trained, plan.family.name, plan.template)
        if plan.chat_template is not None:
            tokenizer.chat_templates = {DEFAULT: plan.chat_template.source}
        yield tokenizer, trained
