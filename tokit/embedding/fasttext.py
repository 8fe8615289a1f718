"""Skip-gram with n-grams: a token's vector is the mean of its own and those of the character n-grams in its text.

The n-grams are those of the piece's text, its leading space included; a piece that is no text by itself (some bytes
of a character) has those of its name. A saved row is the whole mean, so that readers need no n-grams.
Bojanowski et al. 2017, https://aclanthology.org/Q17-1010
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray, Pieces
from tokit.embedding.base import Embedding, FitJob, Fitted, WindowParams, require_neighbours
from tokit.embedding.spelled_start import SpelledStart
from tokit.embedding.windows import OwnRows, fit_windows
from tokit.errors import UsageError
from tokit.kernels.native import kernel
from tokit.params import param

# Stands in a piece's text for bytes that are no character.
BROKEN = "\ufffd"


@dataclass(frozen=True)
class FastTextParams(WindowParams):
    """Those of skip-gram, and which n-grams count."""

    min_n: int = param(3, "characters of the shortest n-gram", minimum=1)
    max_n: int = param(6, "characters of the longest n-gram", minimum=1)
    buckets: int = param(
        2_000_000, "n-grams are hashed to so many numbers; only those that occur take memory", minimum=1
    )

    def __post_init__(self) -> None:
        # Zero-argument super() is not at home in every dataclass.
        WindowParams.__post_init__(self)
        if self.min_n > self.max_n:
            raise UsageError(f"min_n={self.min_n} is above max_n={self.max_n}", hint="skipgram is without n-grams")
        if self.buckets >= 1 << 32:
            raise UsageError(f"buckets={self.buckets}: the hash has 32 bits", hint="--set buckets=2000000")


class FastText(Embedding):
    """Rare tokens share what tokens of similar spelling learned."""

    name: ClassVar[str] = "fasttext"
    Params: ClassVar[type[Any]] = FastTextParams
    resumes: ClassVar[bool] = True
    starts: ClassVar[bool] = True
    reference_starts: ClassVar[bool] = False
    has_ngrams: ClassVar[bool] = True
    outputs_of: ClassVar[tuple[str, ...]] = ("skipgram", "fasttext")

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """See the base."""
        require_neighbours(job.ids.ends)
        known = np.flatnonzero(job.known)
        ngrams, used = ngram_rows(job.pieces, known, job.params)
        if job.reference:
            return cls._fit_in_gensim(job, np.split(ngrams.rows, ngrams.ends[:-1]), len(used))
        own = _own_rows(ngrams, known, len(job.counts), len(used))
        if job.start is None:
            return fit_windows(job, own=own)
        settings = job.params.min_n, job.params.max_n, job.params.buckets
        start = SpelledStart.of(job.start, own, used, settings)
        fitted = fit_windows(dataclasses.replace(job, start=start), own=own)
        # The mean of rows that add up to a vector may be one bit off.
        start.keep(fitted.vectors, job.counts)
        return fitted

    @staticmethod
    def _fit_in_gensim(job: FitJob, rows: list[npt.NDArray[np.uint32]], used: int) -> Fitted:
        from gensim.models import FastText as Model

        from tokit.embedding.gensim_engine import fit_gensim

        def make(settings: dict[str, Any], _seen: IntArray) -> Any:
            params: FastTextParams = job.params
            model = Model(sg=1, min_n=params.min_n, max_n=params.max_n, bucket=used, **settings)

            def assign() -> None:
                model.wv.buckets_word = rows

            # gensim would take the n-grams of its keys, which are numbers here.
            model.wv.recalc_char_ngram_buckets = assign
            return model

        return fit_gensim(job, make, has_loss=False)


class Ngrams(NamedTuple):
    """Rows of the n-grams of some texts, one text after the other, and where each text's end."""

    rows: npt.NDArray[np.uint32]
    ends: IntArray


def ngram_rows(pieces: Pieces, known: IntArray, params: FastTextParams) -> tuple[Ngrams, npt.NDArray[np.uint32]]:
    """The rows of each token's n-grams in the table of n-gram vectors.

    Buckets that no n-gram falls into get no row.

    Returns:
        Rows of each known token, and the bucket of each row, ascending.
    """
    hashes = ngram_buckets([ngram_text(pieces, i) for i in known.tolist()], params)
    used, rows = np.unique(hashes.rows, return_inverse=True)
    return Ngrams(rows.astype(np.uint32), hashes.ends), used


def ngram_buckets(texts: Sequence[str], params: FastTextParams) -> Ngrams:
    """The buckets of each text's n-grams, as fastText numbers them."""
    bordered = [f"<{text}>".encode("utf-8", "surrogatepass") for text in texts]
    data = np.frombuffer(b"".join(bordered), dtype=np.uint8)
    ends = np.cumsum([len(each) for each in bordered], dtype=np.int64)
    settings = params.min_n, params.max_n, params.buckets
    row_ends = np.zeros(len(texts), dtype=np.int64)
    hash_ngrams = kernel("hash_ngrams")
    rows = np.empty(hash_ngrams(data, ends, *settings, np.empty(0, dtype=np.uint32), row_ends), dtype=np.uint32)
    hash_ngrams(data, ends, *settings, rows, row_ends)
    return Ngrams(rows, row_ends)


def _own_rows(ngrams: Ngrams, known: IntArray, vocab: int, used: int) -> OwnRows:
    """A token's row, that of its id, and those of its n-grams, which lie behind all tokens'."""
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


def ngram_text(pieces: Pieces, i: int) -> str:
    """What n-grams of a token are taken from."""
    text = pieces.texts[i]
    return pieces.names[i] if not text or BROKEN in text else text
