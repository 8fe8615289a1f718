"""Skip-gram with n-grams: a token's vector is the mean of its own and those of the character n-grams in its text.

The n-grams are those of the piece's text, its leading space included; a piece that is no text by itself (some bytes
of a character) has those of its name. A saved row is the whole mean, so that readers need no n-grams.
Bojanowski et al. 2017, https://aclanthology.org/Q17-1010
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import IntArray, Pieces
from tokit.embedding.base import Embedding, FitJob, Fitted, WindowParams
from tokit.embedding.gensim_engine import fit_gensim
from tokit.errors import UsageError
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
    """Rare tokens share what tokens of similar spelling learned; gensim keeps no loss for it."""

    name: ClassVar[str] = "fasttext"
    Params: ClassVar[type[Any]] = FastTextParams

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        from gensim.models import FastText as Model

        def make(settings: dict[str, Any], seen: IntArray) -> Any:
            params: FastTextParams = job.params
            rows, used = ngram_rows(job.pieces, seen, params)
            model = Model(sg=1, min_n=params.min_n, max_n=params.max_n, bucket=used, **settings)

            def assign() -> None:
                model.wv.buckets_word = rows

            # gensim would take the n-grams of its keys, which are numbers here.
            model.wv.recalc_char_ngram_buckets = assign
            return model

        return fit_gensim(job, make, has_loss=False)


def ngram_rows(pieces: Pieces, seen: IntArray, params: FastTextParams) -> tuple[list[npt.NDArray[np.uint32]], int]:
    """The rows of each token's n-grams in the table of n-gram vectors.

    Buckets that no n-gram falls into get no row.

    Returns:
        Rows of each seen token, and how many rows there are.
    """
    from gensim.models.fasttext import ft_ngram_hashes

    hashes = [
        np.array(ft_ngram_hashes(ngram_text(pieces, i), params.min_n, params.max_n, params.buckets), dtype=np.uint32)
        for i in seen.tolist()
    ]
    used = np.unique(np.concatenate(hashes))
    return [np.searchsorted(used, each).astype(np.uint32) for each in hashes], len(used)


def ngram_text(pieces: Pieces, i: int) -> str:
    """What n-grams of a token are taken from."""
    text = pieces.texts[i]
    return pieces.names[i] if not text or BROKEN in text else text
