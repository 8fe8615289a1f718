"""`tokit fit`: from a corpus and a tokenizer to a folder of vectors, one a token.

The corpus is encoded once; every epoch reads the ids. The tokenizer in the folder is the one whose ids are trained.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokit.arrays import Block, Ids, IntArray, Pieces
from tokit.corpus import Corpus, Fingerprint
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.embedding import EMBEDDINGS, Embedding
from tokit.embedding.base import MAX_DIM, FitJob, Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.matching_rows import (
    MatchedStart,
    SourceEmbedding,
    WarmStartReport,
    check_warm_start,
    match_warm_start,
    open_source_embedding,
)
from tokit.embedding.plain_tokenizer import plain_specification
from tokit.errors import ArtifactError, UsageError
from tokit.ids.stream import StreamWriter
from tokit.params import fill
from tokit.progress import Tick, silent
from tokit.runtime.engine import REFERENCE, chosen_engine
from tokit.runtime.memory import give_back
from tokit.runtime.threads import available_threads, interruptible
from tokit.storage.folder import check_target, dump_json, writing
from tokit.storage.manifests import CorpusFacts
from tokit.storage.training_state import NEVER, Checkpoints
from tokit.tokenizer.base import PLAIN, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import LibraryTokenizer, library_json
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.special_copies import library_form
from tokit.tokenizer.tokenizer_folder import tokenizer_config

DEFAULT_DIM = 128
# What NumPy's older generator takes.
LARGEST_SEED = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class FitReport:
    """What fitting gave."""

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
    skipped: int
    replaced: int
    notes: tuple[str, ...]
    start: WarmStartReport | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A fit as asked for, checked before any text is read."""

    family: type[Embedding]
    params: Any
    dim: int
    seed: int
    threads: int
    deterministic: bool
    reference: bool


@dataclass(frozen=True, slots=True)
class Source:
    """The tokenizer as given, and as the folder keeps it.

    Attributes:
        given: What the user opened.
        plain: The same ids for ordinary text, and no special tokens in text.
        pieces: What each id stands for, special tokens marked as in `given`.
        notes: What the user should know of the difference.
    """

    given: Tokenizer
    plain: LibraryTokenizer
    pieces: Pieces
    notes: tuple[str, ...]


def fit_embedding(
    corpus: Corpus,
    tokenizer: str | Path | Tokenizer | None,
    out: str | Path,
    *,
    family: str = "skipgram",
    dim: int | None = None,
    settings: Mapping[str, Any] | None = None,
    start: str | Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    deterministic: bool = False,
    checkpoint_every: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    tick: Tick = silent,
) -> FitReport:
    """Fit a static embedding on the ids of a corpus and write it.

    Args:
        corpus: Text to learn from; it is read once.
        tokenizer: A tokenizer, or where one lies; None takes that of `start`.
        out: The folder to write.
        family: A name out of `tokit.embedding.EMBEDDINGS`.
        dim: Columns of the vectors; None takes as many as `start` has, or 128.
        settings: The family's own parameters.
        start: An embedding folder, fitted or imported, whose vectors to begin with: training goes on from there.
        seed: Of whatever is drawn at random.
        threads: How many may train at once; None takes all processors. Only one gives the same bytes every time,
        deterministic: or this does, whatever `threads` is: then one of them trains.
        checkpoint_every: Keep the state in `OUT.checkpoint` after so many tokens, again and again.
        resume: Go on from there, when there is one; with one thread, or `deterministic`, the bytes are those of a run
            that was never killed.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: settings that cannot be meant.
        CorpusError: text that cannot be read, or none.
        TrainingError: no token has a neighbor or a vector in `start`, or the training diverged.
        ArtifactError: the tokenizer or `start` cannot be opened, or the folder not be written.
    """
    earlier = None if start is None else open_source_embedding(start)
    dim = dim if dim is not None else earlier.dim if earlier else DEFAULT_DIM
    plan = plan_fit(family, dim, settings, seed, threads, deterministic=deterministic)
    if earlier:
        check_warm_start(earlier, plan.family, dim, reference=plan.reference)
    check_target(out, overwrite=overwrite)
    if checkpoint_every is not None or resume:
        _require_checkpoints(plan, checkpoint_every)
    source = _source(tokenizer, earlier)
    begun = match_warm_start(earlier, plan.family, source.pieces, source.given.sha256) if earlier else None
    with StreamWriter(source.plain.vocab_size) as stream:
        facts = _encode(corpus, source.plain, stream, tick)
        source.plain.release()
        give_back()
        ids, counts = stream.mapped(), learned_counts(stream.token_counts, source.pieces)
    checkpoints = _checkpoints(plan, source, facts, begun, ids.ends, out=out, every=checkpoint_every, resume=resume)
    job = FitJob(
        ids, source.pieces, counts, plan.dim, plan.params, plan.seed, plan.threads, plan.deterministic,
        plan.reference, tick, checkpoints, begun.start if begun else None,
    )  # fmt: skip
    fitted = _fit(plan.family, job)
    seen = _save(fitted, plan, source, stream, facts, begun=begun, out=out, overwrite=overwrite)
    if job.checkpoints:
        job.checkpoints.clear()
    return FitReport(
        str(out),
        family,
        source.plain.vocab_size,
        dim,
        int(stream.token_counts.sum()),
        seen,
        facts.documents,
        facts.bytes,
        fitted.losses,
        fitted.words_per_second,
        plan.threads,
        not fitted.not_reproducible_because,
        corpus.skipped,
        corpus.replaced,
        source.notes,
        WarmStartReport.of(begun, counts) if begun else None,
    )


def plan_fit(
    family: str,
    dim: int,
    settings: Mapping[str, Any] | None,
    seed: int,
    threads: int | None,
    *,
    deterministic: bool = False,
) -> Plan:
    """Check what was asked for.

    Raises:
        UsageError: an unknown family or parameter, or a number out of range.
    """
    kind = EMBEDDINGS.get(family)
    if not 1 <= dim <= MAX_DIM:
        raise UsageError(f"--dim {dim}: not between 1 and {MAX_DIM:,}", hint=f"-d {DEFAULT_DIM}")
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"--seed {seed}: not between 0 and {LARGEST_SEED}", hint="--seed 0")
    reference = chosen_engine() == REFERENCE
    if reference and not kind.has_reference:
        raise UsageError(
            f"{kind.name} has no reference engine: no library here trains it",
            hint="leave out --engine reference, or TOKIT_ENGINE",
        )
    return Plan(
        kind, fill(kind.Params, settings or {}), dim, seed, threads or available_threads(), deterministic, reference
    )


def _require_checkpoints(plan: Plan, every: int | None) -> None:
    if plan.reference or not plan.family.resumes:
        what = "the reference engine" if plan.reference else plan.family.name
        raise UsageError(f"{what} keeps no checkpoints", hint="leave out --checkpoint-every and --resume")
    if every is not None and every < 1:
        raise UsageError(f"--checkpoint-every {every}: not a positive number of tokens", hint="10000000")


def _checkpoints(
    plan: Plan,
    source: Source,
    facts: CorpusFacts,
    begun: MatchedStart | None,
    ends: IntArray,
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
        "dim": plan.dim,
        "seed": plan.seed,
        "tokenizer": source.given.sha256,
        "corpus": facts.as_dict(),
        # The corpus is the same in any order of its documents, and a training is not.
        "order": hashlib.sha256(ends.data).hexdigest(),
        **({"from": begun.facts} if begun else {}),
    }
    # "." has no name to add to.
    path = Path(out).resolve()
    return Checkpoints(path.with_name(f"{path.name}.checkpoint"), every or NEVER, json.dumps(job), resume)


def _source(tokenizer: str | Path | Tokenizer | None, earlier: SourceEmbedding | None) -> Source:
    if tokenizer is not None:
        return plain_source(tokenizer if isinstance(tokenizer, Tokenizer) else load_tokenizer(tokenizer))
    if earlier is None:
        raise UsageError("no tokenizer given", hint="give one, or an embedding to begin with: it has its own")
    # In the folder it has no special tokens and another hash: they are those of the one that it was made from.
    manifest, own = earlier.embedding.manifest, earlier.tokenizer
    family, digest = (manifest.get(name) for name in ("tokenizer_family", "tokenizer_sha256"))
    identity = dataclasses.replace(
        own.identity, family=family or own.family, sha256=digest or own.sha256, special_ids={}
    )
    plain = LibraryTokenizer(own.library, identity)
    pieces = dataclasses.replace(own.pieces, special=earlier.embedding.special, unknown_id=earlier.embedding.unknown_id)
    return Source(plain, plain, pieces, ())


def plain_source(tokenizer: Tokenizer) -> Source:
    """The tokenizer in the form that an embedding folder keeps.

    Raises:
        ArtifactError: it has no such form.
    """
    import tokenizers

    library = library_form(tokenizer)
    spec = plain_specification(library.specification(), library.vocab_size)
    engine = tokenizers.Tokenizer.from_str(json.dumps(spec))
    if sorted(engine.get_vocab().values()) != list(range(library.vocab_size)):
        raise ArtifactError(
            "the ids of this tokenizer cannot have a row each: tokens share a name or an id",
            hint="fit on another tokenizer",
        )
    identity = dataclasses.replace(library.identity, special_ids={})
    plain = LibraryTokenizer(engine, identity)
    pieces = dataclasses.replace(plain.pieces, special=tokenizer.pieces.special, unknown_id=tokenizer.unknown_id)
    notes: tuple[str, ...] = ()
    if library is not tokenizer and tokenizer.family == "unigram":
        notes = ("the SentencePiece model was rewritten as a tokenizer.json: on rare ties its ids may differ",)
    return Source(tokenizer, plain, pieces, notes)


def _encode(corpus: Corpus, tokenizer: Tokenizer, stream: StreamWriter, tick: Tick) -> CorpusFacts:
    def finished(block: Block, ids: Ids) -> tuple[Ids, Fingerprint]:
        return ids, Fingerprint.of(block)

    fingerprint = Fingerprint()
    for ids, part in encode_corpus(corpus, tokenizer, finished, PLAIN, tick):
        stream.add(ids)
        fingerprint.merge(part)
    if not fingerprint.documents:
        raise empty_corpus()
    return corpus_facts(fingerprint)


def learned_counts(counts: IntArray, pieces: Pieces) -> IntArray:
    """How often each token occurs that has a vector: an unknown one is any of many words, and is passed over."""
    learned = counts.copy()
    if pieces.unknown_id is not None:
        learned[pieces.unknown_id] = 0
    return learned


def _fit(family: type[Embedding], job: FitJob) -> Fitted:
    try:
        # Training does not look at signals: in a thread of its own it can be left at Ctrl-C.
        return interruptible(lambda: family.fit(job))
    except BaseException:
        job.stop.set()
        raise


def _save(
    fitted: Fitted,
    plan: Plan,
    source: Source,
    stream: StreamWriter,
    facts: CorpusFacts,
    *,
    begun: MatchedStart | None,
    out: str | Path,
    overwrite: bool,
) -> int:
    """Write the folder; how many tokens it knows."""
    because = fitted.not_reproducible_because
    counts, frequencies = stream.token_counts, stream.document_frequencies
    if begun:
        earlier = begun.earlier.embedding
        counts = begun.counts(counts, earlier.token_counts)
        frequencies = begun.counts(frequencies, earlier.document_frequencies)
    seen = int((counts > 0).sum())
    with writing(out, "embedding", overwrite=overwrite) as draft:
        write_vectors(draft.path, fitted, counts, frequencies)
        (draft.path / TOKENIZER).write_text(library_json(source.plain.library), encoding="utf-8")
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = {
            "family": plan.family.name,
            "vocab_size": len(fitted.vectors),
            "dim": plan.dim,
            "params": dataclasses.asdict(plan.params),
            "tokenizer_family": source.given.family,
            "tokenizer_sha256": source.given.sha256,
            "special_ids": source.pieces.special.nonzero()[0].tolist(),
            "unknown_id": source.pieces.unknown_id,
            "tokens": int(stream.token_counts.sum()),
            "tokens_seen": seen,
            "losses": list(fitted.losses),
            "seed": plan.seed,
            "threads": plan.threads,
            "deterministic": plan.deterministic,
            "engine": fitted.engine,
            "reproducible": not because,
            **({"not_reproducible_because": because} if because else {}),
            "corpus": facts.as_dict(),
            **({"from": begun.facts} if begun else {}),
        }
    return seen
