"""Skip-gram with n-grams: a token's vector is the mean of its own row and those of its character n-grams.

The n-grams are those of the piece's text, its leading space included; a piece that is no text by itself (a few bytes
of a character) has those of its name. A saved row is the whole mean, so that readers need no n-grams; those are saved
beside it, for words that are no token.
Bojanowski et al. 2017, https://aclanthology.org/Q17-1010
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray, Pieces
from tokit.embedding.base import Capability, Embedding, FitJob, Fitted, Word2VecParams, require_neighbors
from tokit.embedding.ngrams import Ngrams, NgramTable, ngram_buckets, ngram_text
from tokit.embedding.train.word2vec import OwnRows, fit_word2vec
from tokit.embedding.warm_start_ngrams import InitialNgramVectors
from tokit.errors import UsageError
from tokit.params import param

# No word is longer; fastText's .bin has 32 bits for it.
MAX_NGRAM = 10_000


@dataclass(frozen=True)
class FastTextParams(Word2VecParams):
    """Parameters of fastText: those of word2vec, and of n-grams."""

    minn: int = param(3, "characters of the shortest n-grams", minimum=1)
    maxn: int = param(6, "characters of the longest n-grams", minimum=1, maximum=MAX_NGRAM)
    bucket: int = param(2_000_000, "hash buckets of n-grams; only those that occur take memory", minimum=1)

    def __post_init__(self) -> None:
        # super() without arguments fails in a dataclass with slots.
        Word2VecParams.__post_init__(self)
        if self.minn > self.maxn:
            raise UsageError(f"--minn {self.minn} is above --maxn {self.maxn}", hint="skipgram has no n-grams")
        if self.bucket >= 1 << 32:
            raise UsageError(f"--bucket {self.bucket}: the hash has 32 bits", hint="--bucket 2000000")


class FastText(Embedding):
    """Rare tokens share what tokens of similar spelling learned."""

    name: ClassVar[str] = "fasttext"
    Params: ClassVar[type[Any]] = FastTextParams
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {Capability.REFERENCE, Capability.RESUMABLE, Capability.WARM_STARTABLE, Capability.NGRAMS}
    )
    shares_output_with: ClassVar[tuple[str, ...]] = ("skipgram", "fasttext")

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors."""
        require_neighbors(job)
        known = np.flatnonzero(job.known)
        ngrams, used = ngram_rows(job.pieces, known, job.params)
        if job.reference:
            return cls._fit_in_gensim(job, np.split(ngrams.rows, ngrams.ends[:-1]), used)
        rows_of = _own_rows(ngrams, known, len(job.counts), len(used))
        if job.warm_start is not None:
            settings = job.params.minn, job.params.maxn, job.params.bucket
            job = replace(job, warm_start=InitialNgramVectors.of(job.warm_start, rows_of, used, settings))
        fitted = fit_word2vec(job, own=rows_of)
        if fitted.table is None:
            raise TypeError("a fit with rows of its own keeps them")
        own, rows = fitted.table[: len(job.counts)], fitted.table[len(job.counts) :]
        # Rows of unknown tokens hold their random initial values.
        own[~job.known] = 0
        if job.warm_start is not None:
            # The mean of rows that add up to a vector may be one bit off.
            job.warm_start.restore(fitted.vectors, job.counts)
        return replace(fitted, table=None, ngrams=_table(job.params, own, rows, used))

    @staticmethod
    def _fit_in_gensim(job: FitJob, rows: list[npt.NDArray[np.uint32]], used: npt.NDArray[np.uint32]) -> Fitted:
        from tokit.embedding.train.gensim_trainer import fit_gensim, full_matrix

        models: list[Any] = []

        def make_model(settings: dict[str, Any], _seen: IntArray) -> Any:
            from gensim.models import FastText as Model

            params: FastTextParams = job.params
            model = Model(sg=1, min_n=params.minn, max_n=params.maxn, bucket=len(used), **settings)
            models.append(model)

            def assign() -> None:
                model.wv.buckets_word = rows

            # gensim would take the n-grams of its keys, which are numbers here.
            model.wv.recalc_char_ngram_buckets = assign
            return model

        fitted = fit_gensim(job, make_model, has_loss=False)
        learned = models[0].wv
        own = full_matrix(learned.vectors_vocab, np.flatnonzero(job.counts), job)
        return replace(fitted, ngrams=_table(job.params, own, learned.vectors_ngrams, used))


def _table(params: FastTextParams, own: FloatArray, rows: FloatArray, used: npt.NDArray[np.uint32]) -> NgramTable:
    return NgramTable(own, rows, used, params.minn, params.maxn, params.bucket)


def ngram_rows(pieces: Pieces, known: IntArray, params: FastTextParams) -> tuple[Ngrams, npt.NDArray[np.uint32]]:
    """Rows of each token's n-grams in the matrix of n-gram vectors, which has a row for each bucket that occurs.

    Returns:
        Rows of each known token, and the bucket of each row, ascending.
    """
    hashes = ngram_buckets([ngram_text(pieces, i) for i in known.tolist()], params)
    used, rows = np.unique(hashes.rows, return_inverse=True)
    return Ngrams(rows.astype(np.uint32), hashes.ends), used


def _own_rows(ngrams: Ngrams, known: IntArray, vocab: int, used: int) -> OwnRows:
    """Rows that each token's vector is the mean of: its id, and its n-grams, whose rows follow those of all tokens."""
    sizes = np.ones(vocab, dtype=np.int64)
    sizes[known] += np.diff(ngrams.ends, prepend=0)
    ends = np.cumsum(sizes)
    first = ends - sizes
    rows = np.empty(int(ends[-1]), dtype=np.uint32)
    inner = np.ones(len(rows), dtype=np.bool_)
    inner[first] = False
    rows[first] = np.arange(vocab, dtype=np.uint32)
    rows[inner] = ngrams.rows + np.uint32(vocab)
    return OwnRows(ends, rows, vocab + used)
