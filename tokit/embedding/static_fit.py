"""One fit of a static embedding: checked, its tokenizer and warm start opened, trained, and written as a folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from tokit.arrays import IntArray, Pieces
from tokit.corpus.read_report import ReadReport, read_facts
from tokit.embedding import EMBEDDINGS
from tokit.embedding.base import MAX_DIM, Capability, Embedding, FitJob, Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.matching_rows import (
    MatchedStart,
    SourceEmbedding,
    WarmStartReport,
    check_warm_start,
    match_warm_start,
    open_source_embedding,
)
from tokit.embedding.plain_tokenizer import FitTokenizer, fit_tokenizer, own_fit_tokenizer
from tokit.errors import UsageError
from tokit.params import fill
from tokit.progress import Tick
from tokit.runtime.engine import REFERENCE, chosen_engine
from tokit.runtime.memory import give_back
from tokit.runtime.threads import available_threads
from tokit.storage.embedding_manifest import EmbeddingManifest, FitFacts
from tokit.storage.folder import dump_json
from tokit.storage.hub_names import hub_sources, local_path, origin_of
from tokit.storage.training_state import Checkpoints
from tokit.tokenizer.base import PLAIN, EncodeOptions, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.tokenizer_folder import tokenizer_config
from tokit.tokenizer.training_text import TrainingText

DEFAULT_DIM = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class FitReport(ReadReport):
    """Result of fitting a static embedding.

    Attributes:
        tokens: Tokens of the corpus.
        tokens_seen: Distinct tokens that have a vector.
        losses: Mean loss of a trained token in each epoch.
        reproducible: Whether the same command gives the same bytes.
        warm_start: What the training was initialized from, if anything.
    """

    path: str
    family: str
    vocab_size: int
    dim: int
    tokens: int
    tokens_seen: int
    documents: int
    bytes: int
    losses: tuple[float, ...]
    words_per_second: float
    threads: int
    reproducible: bool
    notes: tuple[str, ...]
    warm_start: WarmStartReport | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPlan:
    """Settings of a fit, checked before any text is read."""

    family: type[Embedding]
    params: Any
    dim: int
    seed: int
    threads: int
    deterministic: bool
    reference: bool


def plan_fit(
    family: str,
    dim: int,
    settings: Mapping[str, Any] | None,
    seed: int,
    threads: int | None,
    *,
    deterministic: bool = False,
) -> FitPlan:
    """Check the settings of a fit.

    Raises:
        UsageError: an unknown family or parameter, or a number out of range.
    """
    kind = EMBEDDINGS.get(family)
    if not 1 <= dim <= MAX_DIM:
        raise UsageError(f"--dim {dim}: not between 1 and {MAX_DIM:,}", hint=f"--dim {DEFAULT_DIM}")
    reference = chosen_engine() == REFERENCE
    if reference and Capability.REFERENCE not in kind.capabilities:
        raise UsageError(
            f"{kind.name} has no reference engine: no library here trains it",
            hint="leave out --engine reference, or TOKIT_ENGINE",
        )
    return FitPlan(
        family=kind,
        params=fill(kind.Params, settings or {}),
        dim=dim,
        seed=seed,
        threads=threads or available_threads(),
        deterministic=deterministic,
        reference=reference,
    )


class StaticFit:
    """A fit of a static embedding, ready to read text.

    Args:
        plan: The settings.
        source: The tokenizer.
        start: The embedding to initialize from, its rows matched to the tokenizer's ids.
    """

    options: ClassVar[EncodeOptions] = PLAIN
    hold_out: ClassVar[None] = None

    def __init__(self, plan: FitPlan, source: FitTokenizer, start: MatchedStart | None) -> None:
        self.plan = plan
        self.source = source
        self.start = start
        self.tokenizer = source.plain

    def check_checkpoints(self) -> None:
        """Refuse checkpoints where the training keeps none.

        Raises:
            UsageError: it keeps none.
        """
        if self.plan.reference or Capability.RESUMABLE not in self.plan.family.capabilities:
            name = "the reference engine" if self.plan.reference else self.plan.family.name
            raise UsageError(f"{name} keeps no checkpoints", hint="leave out --checkpoint-every and --resume")

    def identity(self) -> dict[str, Any]:
        """Settings that tell this training's checkpoints from those of another."""
        plan = self.plan
        return {
            "family": plan.family.name,
            "params": dataclasses.asdict(plan.params),
            "dim": plan.dim,
            "seed": plan.seed,
            "tokenizer": self.source.original.sha256,
            "warm_start": dataclasses.asdict(self.start.facts) if self.start else None,
        }

    def job(self, text: TrainingText, checkpoints: Checkpoints | None, tick: Tick) -> FitJob:
        """The input of the training."""
        plan = self.plan
        return FitJob(
            ids=text.ids,
            pieces=self.source.pieces,
            counts=learned_counts(text.token_counts, self.source.pieces),
            dim=plan.dim,
            params=plan.params,
            seed=plan.seed,
            threads=plan.threads,
            deterministic=plan.deterministic,
            reference=plan.reference,
            tick=tick,
            checkpoints=checkpoints,
            warm_start=self.start.start if self.start else None,
        )

    def train(self, job: FitJob) -> Fitted:
        """Learn vectors.

        Raises:
            TrainingError: there is nothing to learn from, or the training diverged.
        """
        give_back()
        return self.plan.family.fit(job)

    def write(self, folder: Path, fitted: Fitted, text: TrainingText) -> EmbeddingManifest:
        """Write the folder's files.

        Returns:
            Its manifest.
        """
        counts, frequencies = self._total_counts(text)
        write_vectors(folder, fitted, counts, frequencies)
        (folder / TOKENIZER).write_text(library_json(self.source.plain.library), encoding="utf-8")
        dump_json(tokenizer_config({}), folder / "tokenizer_config.json")
        return self._manifest(fitted, text, tokens_seen=int((counts > 0).sum()))

    @property
    def _origin(self) -> str:
        return origin_of(self.start.earlier.folder) if self.start else ""

    def _manifest(self, fitted: Fitted, text: TrainingText, *, tokens_seen: int) -> EmbeddingManifest:
        plan, source, because = self.plan, self.source, fitted.not_reproducible_because
        return EmbeddingManifest(
            family=plan.family.name,
            vocab_size=len(fitted.vectors),
            dim=plan.dim,
            params=dataclasses.asdict(plan.params),
            tokenizer_family=source.original.family,
            tokenizer_sha256=source.original.sha256,
            special_ids=source.pieces.special.nonzero()[0].tolist(),
            unknown_id=source.pieces.unknown_id,
            tokens_seen=tokens_seen,
            reproducible=not because,
            not_reproducible_because=because,
            corpus=text.facts,
            warm_start=self.start.facts if self.start else None,
            sources=hub_sources(source.original.identity.source, self._origin, *text.sources),
            fit=FitFacts(
                tokens=text.tokens,
                losses=fitted.losses,
                seed=plan.seed,
                # Of a fit with the same bytes for any number of threads, the number is no part.
                threads=plan.threads if because else None,
                deterministic=not because,
                engine=fitted.engine,
            ),
        )

    def report(self, out: str | Path, fitted: Fitted, text: TrainingText) -> FitReport:
        """The result, for people or programs."""
        counts, _ = self._total_counts(text)
        learned = learned_counts(text.token_counts, self.source.pieces)
        return FitReport(
            path=str(out),
            family=self.plan.family.name,
            vocab_size=self.tokenizer.vocab_size,
            dim=self.plan.dim,
            tokens=text.tokens,
            tokens_seen=int((counts > 0).sum()),
            documents=text.facts.documents,
            bytes=text.facts.bytes,
            losses=fitted.losses,
            words_per_second=fitted.words_per_second,
            threads=self.plan.threads,
            reproducible=not fitted.not_reproducible_because,
            **read_facts(text),
            notes=(*self.source.notes, *text.notes),
            warm_start=WarmStartReport.of(self.start, learned) if self.start else None,
        )

    def _total_counts(self, text: TrainingText) -> tuple[IntArray, IntArray]:
        """Token counts and document frequencies of the text, and of that of an earlier embedding with it."""
        counts, frequencies = text.token_counts, text.document_frequencies
        if self.start is None:
            return counts, frequencies
        earlier = self.start.earlier.embedding
        return (
            self.start.counts(counts, earlier.token_counts),
            self.start.counts(frequencies, earlier.document_frequencies),
        )


def learned_counts(counts: IntArray, pieces: Pieces) -> IntArray:
    """Occurrences of each token that gets a vector: 0 for the unknown token, which is any of many words."""
    learned = counts.copy()
    if pieces.unknown_id is not None:
        learned[pieces.unknown_id] = 0
    return learned


def open_static_fit(
    family: str,
    tokenizer: str | Path | Tokenizer | None,
    *,
    dim: int | None,
    settings: Mapping[str, Any] | None,
    warm_start: str | Path | None,
    seed: int,
    threads: int | None,
    deterministic: bool,
) -> StaticFit:
    """Check the settings of a fit, and open its tokenizer and the embedding that it is initialized from.

    Raises:
        UsageError: settings that contradict each other, or no tokenizer.
        TrainingError: no token has a vector in the earlier embedding.
        ArtifactError: the tokenizer or the earlier embedding cannot be opened.
    """
    earlier = None if warm_start is None else open_source_embedding(local_path(warm_start))
    dim = dim if dim is not None else earlier.dim if earlier else DEFAULT_DIM
    plan = plan_fit(family, dim, settings, seed, threads, deterministic=deterministic)
    if earlier:
        check_warm_start(earlier, plan.family, dim, reference=plan.reference)
    source = _open_tokenizer(tokenizer, earlier)
    start = match_warm_start(earlier, plan.family, source.pieces, source.original.sha256) if earlier else None
    return StaticFit(plan, source, start)


def _open_tokenizer(tokenizer: str | Path | Tokenizer | None, earlier: SourceEmbedding | None) -> FitTokenizer:
    if tokenizer is not None:
        return fit_tokenizer(tokenizer if isinstance(tokenizer, Tokenizer) else load_tokenizer(tokenizer))
    if earlier is None:
        raise UsageError("no tokenizer given", hint="-t TOK, or --from an embedding: it has its own")
    return own_fit_tokenizer(earlier.embedding, earlier.tokenizer)
