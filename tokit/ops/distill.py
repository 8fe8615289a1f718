"""`tokit distil`: from a language model to a table of vectors, one a piece of a tokenizer.

The folder is one of a static embedding: whatever takes `tokit fit skipgram`'s takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tokit.arrays import Block, FloatArray, Ids, IntArray, Pieces
from tokit.corpus import Corpus, Fingerprint
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.embedding.base import Fitted
from tokit.embedding.embedding_folder import TOKENIZER, write_vectors
from tokit.embedding.plain_tokenizer import FitTokenizer, fit_tokenizer
from tokit.errors import TrainingError, UsageError
from tokit.ids.stream import StreamWriter
from tokit.lm.contextual_embedder import ContextualEmbedder, is_language_model, open_contextual_embedder, refuse_missing
from tokit.progress import Progress, Tick, silent
from tokit.storage.embedding_manifest import DistillFacts, EmbeddingManifest
from tokit.storage.folder import check_target, dump_json, kind_of, read_manifest, sha256_file, writing
from tokit.storage.manifests import CorpusFacts
from tokit.storage.model_manifests import LanguageModelManifest
from tokit.tokenizer.base import PLAIN, Tokenizer
from tokit.tokenizer.encode.library_tokenizer import library_json
from tokit.tokenizer.encode_corpus import encode_corpus
from tokit.tokenizer.load import load_tokenizer
from tokit.tokenizer.tokenizer_folder import tokenizer_config

if TYPE_CHECKING:
    from tokit.lm.distillation import Components

FAMILY = "distil"
PIECES_AT_ONCE = 1024
# What stands for bytes that are no text.
NO_TEXT = "\ufffd"
WEIGHTS = "model.safetensors"
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DistilReport:
    """What distilling gave.

    Attributes:
        known: Pieces that have a vector.
        counts: "corpus": pieces weigh by how often a text has them. "rank": by their place in the vocabulary.
        explained: Share of the variance that the principal components keep.
        documents: Of the text.
    """

    path: str
    vocab_size: int
    known: int
    dim: int
    hidden: int
    counts: str
    explained: float
    documents: int
    skipped: int = 0
    replaced: int = 0


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How often pieces occur: int64, shape (vocab,); in documents, too; and in which text, if in any."""

    tokens: IntArray
    documents: IntArray
    facts: CorpusFacts | None


def distil(
    model: str | Path,
    out: str | Path,
    *,
    tokenizer: str | Path | Tokenizer | None = None,
    corpus: Corpus | None = None,
    dim: int | None = None,
    a: float | None = None,
    layer: str | None = None,
    overwrite: bool = False,
    tick: Tick = silent,
) -> DistilReport:
    """Make a static embedding of a language model.

    Args:
        model: A folder of a language model, ours or one that transformers loads.
        out: The folder to write.
        tokenizer: Whose pieces get a vector; None takes the model's own. Of another one the texts of the pieces are
            looked at by the model, through its own tokenizer.
        corpus: Text whose counts say what is rare; None takes the order of the vocabulary.
        dim: Columns, at most those of the model; None takes 256, or all of the model's when they are fewer.
        a: Smoothing of the weights, > 0; None takes Model2Vec's.
        layer: Of the model, as `tokit embed` has it.
        overwrite: Replace what is there.
        tick: Progress.

    Raises:
        UsageError: numbers out of range, or no language model.
        MissingExtraError: torch or transformers is not installed.
        CorpusError: text that cannot be read, or none.
        TrainingError: too few pieces.
        ArtifactError: the model or the tokenizer cannot be opened, or the folder not be written.
    """
    check_target(out, overwrite=overwrite)
    if not is_language_model(model):
        refuse_missing(model)
        raise UsageError(f"{model} is no language model", hint="tokit fit bert … -o MODEL makes one")
    embedder = open_contextual_embedder(model, layer=layer)
    from tokit.lm.distillation import DEFAULT_DIM, DEFAULT_SIF, principal_components

    columns = min(DEFAULT_DIM, embedder.dim) if dim is None else dim
    columns, smoothing = _checked(columns, DEFAULT_SIF if a is None else a, embedder.dim)
    source = fit_tokenizer(_given(tokenizer, model))
    frequencies = _frequencies(corpus, source, tick)
    vectors, known = piece_vectors(embedder, source.pieces, own=tokenizer is None, tick=tick)
    if int(known.sum()) < 2:
        raise TrainingError("no two pieces of the tokenizer are text", hint="give another tokenizer")
    components = principal_components(vectors[known], columns)
    params = {"dim": columns, "sif_a": smoothing, "layer": layer}
    table = _weighed(components, known, frequencies, smoothing)
    teacher = model_facts(Path(model), explained=components.explained)
    _save(table, known, frequencies, source, params=params, teacher=teacher, out=out, overwrite=overwrite)
    facts = frequencies.facts
    return DistilReport(
        str(out), len(known), int(known.sum()), columns, embedder.dim, "corpus" if facts else "rank",
        components.explained, facts.documents if facts else 0, corpus.skipped if corpus else 0,
        corpus.replaced if corpus else 0,
    )  # fmt: skip


def piece_vectors(
    embedder: ContextualEmbedder, pieces: Pieces, *, own: bool, tick: Tick = silent
) -> tuple[FloatArray, Bools]:
    """What a model makes of each piece alone: the mean of its tokens, those of the template left out.

    Args:
        embedder: The model.
        pieces: Of any tokenizer.
        own: It is the model's: a piece is then the token of its id, else whatever its text is for the model.
        tick: Progress.

    Returns:
        (shape (vocab, hidden), which pieces have a vector). Special tokens and bytes that are no text have none.
    """
    vectors = np.zeros((len(pieces), embedder.dim), dtype=np.float32)
    known = np.zeros(len(pieces), dtype=np.bool_)
    is_text = np.array([bool(text) and NO_TEXT not in text for text in pieces.texts], dtype=np.bool_)
    wanted = np.flatnonzero(is_text & ~pieces.special)
    for first in range(0, len(wanted), PIECES_AT_ONCE):
        some = wanted[first : first + PIECES_AT_ONCE]
        framed = _framed(embedder, some.tolist(), pieces, own=own)
        for number, (_, parts) in zip(some.tolist(), embedder.tokens(framed), strict=True):
            rows = np.concatenate(list(parts))
            if len(rows):
                vectors[number], known[number] = rows.mean(axis=0), True
        tick(Progress("distilling", first + len(some), len(wanted), "pieces"))
    return vectors, known


def _framed(embedder: ContextualEmbedder, some: list[int], pieces: Pieces, *, own: bool) -> Ids:
    if not own:
        return Ids.of(embedder.tokenizer.encode_batch([pieces.texts[i] for i in some], embedder.options))
    before, after = embedder.tokenizer.frame
    return Ids.of([[*before, i, *after] for i in some])


def _checked(dim: int, a: float, hidden: int) -> tuple[int, float]:
    if not 1 <= dim <= hidden:
        raise UsageError(f"--dim {dim}: the model has {hidden} columns", hint=f"--dim {min(hidden, max(dim, 1))}")
    if not 0 < a < float("inf"):
        raise UsageError(f"--sif-a {a:g}: not a positive number", hint="--sif-a 0.0001")
    return dim, a


def _given(tokenizer: str | Path | Tokenizer | None, model: str | Path) -> Tokenizer:
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    return load_tokenizer(model if tokenizer is None else tokenizer)


def _frequencies(corpus: Corpus | None, source: FitTokenizer, tick: Tick) -> Frequencies:
    size = len(source.pieces)
    if corpus is None:
        return Frequencies(np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64), None)

    def finished(block: Block, ids: Ids) -> tuple[Ids, Fingerprint]:
        return ids, Fingerprint.of(block)

    fingerprint = Fingerprint()
    with StreamWriter(size) as stream:
        for ids, part in encode_corpus(corpus, source.plain, finished, PLAIN, tick):
            stream.add(ids)
            fingerprint.merge(part)
    if not fingerprint.documents:
        raise empty_corpus()
    return Frequencies(stream.token_counts, stream.document_frequencies, corpus_facts(fingerprint))


def _weighed(components: Components, known: Bools, frequencies: Frequencies, a: float) -> FloatArray:
    from tokit.lm.distillation import count_probabilities, rank_probabilities, sif_weights

    shares = count_probabilities(frequencies.tokens, known) if frequencies.facts else rank_probabilities(known)
    table = np.zeros((len(known), components.vectors.shape[1]), dtype=np.float32)
    table[known] = components.vectors * sif_weights(shares[known], a)[:, None]
    return table


def known_counts(known: Bools, frequencies: Frequencies) -> IntArray:
    """Counts for the folder, in which a piece counts at least once exactly when it has a vector. Shape (vocab,)."""
    if frequencies.facts:
        return np.where(known, np.maximum(frequencies.tokens, 1), 0)
    counts, size = np.zeros(len(known), dtype=np.int64), int(known.sum())
    counts[known] = size // np.arange(1, size + 1)
    return counts


def model_facts(model: Path, *, explained: float) -> DistillFacts:
    """Entry of a manifest about the model that was distilled."""
    own = kind_of(model) == LanguageModelManifest.kind
    manifest = read_manifest(model, LanguageModelManifest) if own else None
    weights = model / WEIGHTS
    return DistillFacts(
        family=manifest.family if manifest else None,
        tokenizer_sha256=manifest.tokenizer_sha256 if manifest else None,
        corpus=manifest.corpus if manifest else None,
        weights_sha256=sha256_file(weights) if weights.is_file() else None,
        explained=explained,
    )


def _save(
    table: FloatArray,
    known: Bools,
    frequencies: Frequencies,
    source: FitTokenizer,
    *,
    params: dict[str, Any],
    teacher: DistillFacts,
    out: str | Path,
    overwrite: bool,
) -> None:
    # There is nothing to go on training from.
    fitted = Fitted(vectors=table, output=np.zeros((0, table.shape[1]), dtype=np.float32))
    facts = frequencies.facts
    with writing(out, overwrite=overwrite) as draft:
        write_vectors(draft.path, fitted, known_counts(known, frequencies), np.where(known, frequencies.documents, 0))
        (draft.path / TOKENIZER).write_text(library_json(source.plain.library), encoding="utf-8")
        dump_json(tokenizer_config({}), draft.path / "tokenizer_config.json")
        draft.manifest = EmbeddingManifest(
            family=FAMILY,
            vocab_size=len(table),
            dim=table.shape[1],
            tokenizer_family=source.original.family,
            tokenizer_sha256=source.original.sha256,
            special_ids=source.pieces.special.nonzero()[0].tolist(),
            unknown_id=source.pieces.unknown_id,
            tokens_seen=int(known.sum()),
            token_counts="corpus" if facts else "rank",
            reproducible=True,
            params=params,
            corpus=facts,
            document_frequencies="corpus" if facts else "unknown",
            distilled=teacher,
        )
