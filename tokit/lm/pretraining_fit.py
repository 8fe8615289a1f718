"""One pre-training of a language model: checked, its tokenizer and initial weights opened, trained, and written."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from tokit.corpus.read_report import ReadReport, read_facts
from tokit.lm.folder.tokenizer_files import write_model_tokenizer
from tokit.lm.initialize import InitReport, ModelInit, initialize_model, tokenizer_of
from tokit.lm.plan import PretrainPlan
from tokit.progress import Tick
from tokit.runtime.memory import keep_memory
from tokit.storage.hub_names import hub_sources, origin_of
from tokit.storage.model_manifests import HeldOutFacts, LanguageModelManifest, PretrainFacts
from tokit.storage.training_state import Checkpoints
from tokit.tokenizer.base import EncodeOptions, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer
from tokit.tokenizer.special_copies import with_template
from tokit.tokenizer.training_text import HoldOut, TrainingText

if TYPE_CHECKING:
    from tokit.lm.families.base import LanguageModelFamily
    from tokit.lm.train.job import Pretrained, PretrainJob

FRAMED = EncodeOptions(add_special=True)
# A run of fewer steps teaches a model nothing.
FEW_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PretrainReport(ReadReport):
    """Result of pre-training a language model.

    Attributes:
        dim: Hidden size.
        tokens: Tokens of the text that was trained on.
        tokens_trained: Tokens that went through the model, over all steps.
        losses: Mean training loss between evaluations, in nats.
        evaluations: Step, tokens, loss and bits per byte of each evaluation on held-out documents.
        held_out_loss: Loss of the saved weights on held-out documents, in nats.
        bits_per_byte: The same in bits per byte of text, of a causal model on a lossless tokenizer.
        pseudo_bits_per_byte: Pseudo-likelihood of a masked model.
        opens_in: Libraries that load the folder.
        frozen: Parameters that were not trained.
        init: What the model was initialized from, if anything.
    """

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
    notes: tuple[str, ...] = ()
    frozen: int = 0
    init: InitReport | None = None


class PretrainingFit:
    """A pre-training, ready to read text.

    Args:
        plan: The settings.
        tokenizer: With the special tokens and the template of the model.
        init: The initial model.
        started: When the work began, by `time.monotonic`: `--minutes` counts from here.
        notes: What the user should know of the tokenizer.
    """

    options: ClassVar[EncodeOptions] = FRAMED

    def __init__(
        self, plan: PretrainPlan, tokenizer: LibraryTokenizer, init: ModelInit, started: float, notes: tuple[str, ...]
    ) -> None:
        self.plan = plan
        self.tokenizer = tokenizer
        self.init = init
        self.notes = notes
        self._started = started

    @property
    def hold_out(self) -> HoldOut:
        """Documents to measure on."""
        params = self.plan.params
        return HoldOut(params.validation_fraction, self.plan.seed, params.validation_bytes)

    def check_checkpoints(self) -> None:
        """Every language model keeps checkpoints."""

    def identity(self) -> dict[str, Any]:
        """Settings that tell this training's checkpoints from those of another."""
        plan = self.plan
        return {
            "family": plan.family.name,
            "params": dataclasses.asdict(plan.params),
            "shape": dataclasses.asdict(self.init.shape),
            "seed": plan.seed,
            "threads": plan.threads,
            "minutes": plan.minutes,
            "sentence": plan.sentence,
            "tokenizer": self.tokenizer.sha256,
            "freeze": plan.init.freeze,
            "warm_start": dataclasses.asdict(self.init.facts) if self.init.facts else None,
        }

    def job(self, text: TrainingText, checkpoints: Checkpoints | None, tick: Tick) -> PretrainJob:
        """The input of the training."""
        from tokit.lm.train.job import PretrainJob
        from tokit.lm.train.validation import HeldOut

        if text.held_out is None:
            raise ValueError("the text was read without held-out documents")
        plan = self.plan
        return PretrainJob(
            stream=text.ids,
            held_out=HeldOut(text.held_out, text.held_out_sizes, self.tokenizer.lossless),
            pieces=self.tokenizer.pieces,
            special=self.tokenizer.special_ids,
            shape=self.init.shape,
            params=plan.params,
            seed=plan.seed,
            threads=plan.threads,
            minutes=plan.minutes,
            started=self._started,
            tick=tick,
            checkpoints=checkpoints,
            warm_start=self.init.warm_start,
            sentence=plan.sentence is not None,
        )

    def train(self, job: PretrainJob) -> Pretrained:
        """Train the model.

        Raises:
            TrainingError: too little text, or a loss that is not finite.
        """
        from tokit.lm.train.run_pretraining import run_pretraining

        keep_memory()
        return run_pretraining(self.plan.family, job)

    @property
    def _context_length(self) -> int:
        return self.init.context or self.plan.params.context_length

    def write(self, folder: Path, trained: Pretrained, text: TrainingText) -> LanguageModelManifest:
        """Write the folder's files.

        Returns:
            Its manifest.
        """
        from tokit.lm.folder.model_folder import write_model

        write_model(folder, self.plan.family, trained.model, self._context_length)
        write_model_tokenizer(folder, self.tokenizer, self._context_length)
        return self._manifest(trained, text)

    def _manifest(self, trained: Pretrained, text: TrainingText) -> LanguageModelManifest:
        plan, source = self.plan, self.tokenizer
        return LanguageModelManifest(
            family=plan.family.name,
            vocab_size=source.vocab_size,
            dim=int(trained.model.config.hidden_size),
            context_length=self._context_length,
            params=dataclasses.asdict(plan.params),
            tokenizer_family=source.family,
            tokenizer_sha256=source.sha256,
            special_ids=source.special_ids,
            freeze=plan.init.freeze,
            steps=trained.steps,
            losses=trained.losses,
            precision=trained.precision,
            seed=plan.seed,
            threads=plan.threads,
            reproducible=True,
            corpus=text.facts,
            warm_start=self.init.facts,
            pretraining=self._facts(trained, text),
            sources=self._sources(text),
        )

    def _sources(self, text: TrainingText) -> tuple[str, ...]:
        init = self.plan.init
        initial = (origin_of(place) for place in (init.checkpoint, init.vectors) if place is not None)
        return hub_sources(self.tokenizer.identity.source, *initial, *text.sources)

    def _facts(self, trained: Pretrained, text: TrainingText) -> PretrainFacts:
        loss, bits_per_byte = scores(trained)
        return PretrainFacts(
            size=None if self.plan.init.checkpoint is not None else self.plan.size,
            shape=dataclasses.asdict(self.init.shape),
            sentence=self.plan.sentence,
            minutes=self.plan.minutes,
            stopped_early=trained.stopped_early,
            evaluations=[dataclasses.asdict(evaluation) for evaluation in trained.evaluations],
            held_out=HeldOutFacts(
                documents=len(text.held_out_sizes),
                bytes=int(text.held_out_sizes.sum()),
                loss=loss,
                bits_per_byte=bits_per_byte,
                pseudo_bits_per_byte=trained.pseudo_bits_per_byte,
            ),
        )

    def report(self, out: str | Path, trained: Pretrained, text: TrainingText) -> PretrainReport:
        """The result, for people or programs."""
        plan = self.plan
        loss, bits = scores(trained)
        parameters = list(trained.model.parameters())
        return PretrainReport(
            path=str(out),
            family=plan.family.name,
            vocab_size=self.tokenizer.vocab_size,
            layers=self.init.shape.num_hidden_layers,
            dim=int(trained.model.config.hidden_size),
            parameters=sum(parameter.numel() for parameter in parameters),
            documents=text.facts.documents,
            bytes=text.facts.bytes,
            tokens=text.tokens,
            steps=trained.steps,
            tokens_trained=trained.tokens,
            tokens_per_second=trained.tokens_per_second,
            losses=trained.losses,
            evaluations=tuple(dataclasses.asdict(evaluation) for evaluation in trained.evaluations),
            held_out_loss=loss,
            bits_per_byte=bits,
            pseudo_bits_per_byte=trained.pseudo_bits_per_byte,
            stopped_early=trained.stopped_early,
            precision=trained.precision,
            threads=plan.threads,
            opens_in=opens_in(plan.family),
            **read_facts(text),
            notes=(*self.notes, *text.notes, *self._doubts(trained)),
            frozen=sum(parameter.numel() for parameter in parameters if not parameter.requires_grad),
            init=self.init.report,
        )

    def _doubts(self, trained: Pretrained) -> list[str]:
        """Reasons not to trust the model, or its scores."""
        doubts = []
        if not trained.evaluations and self.plan.params.validation_fraction:
            doubts.append("too little text was held out: nothing says how good the model is")
        minutes = self.plan.minutes
        if minutes is not None and trained.steps < FEW_STEPS:
            steps = f"{trained.steps} step{'s' * (trained.steps != 1)}"
            doubts.append(f"only {steps} fit into --minutes {minutes:g}: a model learns in thousands")
        return doubts


def scores(trained: Pretrained) -> tuple[float | None, float | None]:
    """(loss, bits per byte) of the saved weights on held-out documents."""
    return (trained.score.loss, trained.score.bits_per_byte) if trained.score else (None, None)


def opens_in(family: type[LanguageModelFamily]) -> tuple[str, ...]:
    """Libraries that load a family's folder."""
    return ("tokit", "transformers", "sentence-transformers") if family.stock else ("tokit",)


def open_pretraining(plan: PretrainPlan, tokenizer: str | Path | Tokenizer | None, started: float) -> PretrainingFit:
    """Open the tokenizer and the initial weights of a pre-training.

    Raises:
        UsageError: no tokenizer, a checkpoint of another family, an unknown layer.
        TrainingError: no token has a vector in the static embedding.
        ArtifactError: the tokenizer or the checkpoint cannot be opened.
    """
    original = tokenizer_of(tokenizer, plan.init)
    # A checkpoint has learned what its own tokenizer puts around a text.
    source, notes = model_tokenizer(original, plan.family, own=tokenizer is None and plan.init.checkpoint is not None)
    return PretrainingFit(plan, source, initialize_model(plan, original, source), started, notes)


def model_tokenizer(
    tokenizer: Tokenizer, family: type[LanguageModelFamily], *, own: bool = False
) -> tuple[LibraryTokenizer, tuple[str, ...]]:
    """The tokenizer as a model needs it: with its special tokens, and a template around each document.

    Args:
        tokenizer: The user's.
        family: The family to train.
        own: Keep the template of the tokenizer, if it has one; else the family's is used.
    """
    has_template = own and bool(tokenizer.encode("", FRAMED))
    source, added = with_template(tokenizer, family.roles, None if has_template else family.template)
    notes = (f"the tokenizer had no {', '.join(added)}: the folder keeps a copy with these tokens",) if added else ()
    return source, notes
