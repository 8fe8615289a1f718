"""Vectors of the single pieces of a tokenizer from a language model, weighted by the pieces' frequencies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tokit.arrays import REPLACEMENT, Block, FloatArray, Ids, IntArray, Pieces
from tokit.corpus import Corpus, Fingerprint
from tokit.corpus.corpus_progress import corpus_facts, empty_corpus
from tokit.embedding.plain_tokenizer import FitTokenizer
from tokit.embedding.pooling import sif_weights
from tokit.ids.stream import StreamWriter
from tokit.lm.contextual_embedder import ContextualEmbedder
from tokit.lm.distillation import Components, count_probabilities, rank_probabilities
from tokit.progress import Progress, Tick, silent
from tokit.storage.manifests import CorpusFacts
from tokit.tokenizer.base import PLAIN
from tokit.tokenizer.encode_corpus import encode_corpus

PIECES_AT_ONCE = 1024
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frequencies:
    """Counts of the pieces of a tokenizer.

    Attributes:
        tokens: Number of occurrences; int64, shape (vocab,). Zeros without a text.
        documents: Number of documents with the piece; same shape.
        facts: Identity and size of the text, if there is one.
    """

    tokens: IntArray
    documents: IntArray
    facts: CorpusFacts | None


def piece_vectors(
    embedder: ContextualEmbedder, pieces: Pieces, *, own: bool, tick: Tick = silent
) -> tuple[FloatArray, Bools]:
    """Vectors of single pieces: the mean of a piece's token vectors without special tokens.

    Args:
        embedder: The model.
        pieces: Pieces of a tokenizer.
        own: True for the model's own tokenizer: a piece is then the token of its id; else its text is encoded.
        tick: Progress.

    Returns:
        (vectors, shape (vocab, hidden); True for pieces with a vector, shape (vocab,)). Special tokens and bytes that
        are not text have none.
    """
    vectors = np.zeros((len(pieces), embedder.dim), dtype=np.float32)
    known = np.zeros(len(pieces), dtype=np.bool_)
    is_text = np.array([bool(text) and REPLACEMENT not in text for text in pieces.texts], dtype=np.bool_)
    numbers = np.flatnonzero(is_text & ~pieces.special)
    for first in range(0, len(numbers), PIECES_AT_ONCE):
        batch = numbers[first : first + PIECES_AT_ONCE]
        ids = _model_ids(embedder, batch.tolist(), pieces, own=own)
        for number, (_, parts) in zip(batch.tolist(), embedder.tokens(ids), strict=True):
            rows = np.concatenate(list(parts))
            if len(rows):
                vectors[number], known[number] = rows.mean(axis=0), True
        tick(Progress("distilling", first + len(batch), len(numbers), "pieces"))
    return vectors, known


def _model_ids(embedder: ContextualEmbedder, numbers: list[int], pieces: Pieces, *, own: bool) -> Ids:
    """Ids of single pieces for the model, with its special tokens."""
    if not own:
        return embedder.tokenizer.encode_batch([pieces.texts[i] for i in numbers], embedder.options)
    before, after = embedder.tokenizer.frame
    return Ids.of([[*before, i, *after] for i in numbers])


def count_pieces(corpus: Corpus | None, source: FitTokenizer, tick: Tick = silent) -> Frequencies:
    """Count the pieces of a tokenizer in a corpus; zeros without one.

    Raises:
        CorpusError: the corpus is empty.
    """
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
        raise empty_corpus(corpus.skip_reasons)
    return Frequencies(stream.token_counts, stream.document_frequencies, corpus_facts(fingerprint))


def weighted_vectors(components: Components, known: Bools, frequencies: Frequencies, a: float) -> FloatArray:
    """Components weighted by smooth inverse frequency (SIF); zeros for pieces without a vector.

    Args:
        components: Vectors of the known pieces.
        known: Pieces with a vector; shape (vocab,).
        frequencies: Counts of the pieces.
        a: SIF coefficient.
    """
    probabilities = count_probabilities(frequencies.tokens, known) if frequencies.facts else rank_probabilities(known)
    table = np.zeros((len(known), components.vectors.shape[1]), dtype=np.float32)
    table[known] = components.vectors * sif_weights(probabilities[known], a=a)[:, None]
    return table


def known_counts(known: Bools, frequencies: Frequencies) -> IntArray:
    """Counts for the folder, at least 1 for exactly the pieces with a vector; shape (vocab,)."""
    if frequencies.facts:
        return np.where(known, np.maximum(frequencies.tokens, 1), 0)
    counts, size = np.zeros(len(known), dtype=np.int64), int(known.sum())
    counts[known] = size // np.arange(1, size + 1)
    return counts
