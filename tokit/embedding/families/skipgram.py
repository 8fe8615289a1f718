"""Skip-gram with negative sampling: each token's vector learns to tell its neighbors from random tokens.

Mikolov et al. 2013, https://arxiv.org/abs/1310.4546
"""

from __future__ import annotations

from typing import Any, ClassVar

from tokit.arrays import IntArray
from tokit.embedding.base import Embedding, FitJob, Fitted, WindowParams
from tokit.embedding.train.word2vec import fit_windows


class SkipGram(Embedding):
    """Good on little text and for rare tokens; a step for each pair of neighbors."""

    name: ClassVar[str] = "skipgram"
    Params: ClassVar[type[Any]] = WindowParams
    has_reference: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    starts: ClassVar[bool] = True
    outputs_of: ClassVar[tuple[str, ...]] = ("skipgram", "fasttext")

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """See the base."""
        return cls._fit_in_gensim(job) if job.reference else fit_windows(job, bag=False)

    @staticmethod
    def _fit_in_gensim(job: FitJob) -> Fitted:
        from gensim.models import Word2Vec

        from tokit.embedding.train.gensim_trainer import fit_gensim

        def make(settings: dict[str, Any], _seen: IntArray) -> Any:
            return Word2Vec(sg=1, **settings)

        return fit_gensim(job, make)
