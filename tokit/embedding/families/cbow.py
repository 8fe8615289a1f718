"""Continuous bag of words: the mean of the neighbors' vectors learns to tell the token from random ones.

Mikolov et al. 2013, https://arxiv.org/abs/1301.3781
"""

from __future__ import annotations

from typing import Any, ClassVar

from tokit.arrays import IntArray
from tokit.embedding.base import Embedding, FitJob, Fitted, WindowParams
from tokit.embedding.train.word2vec import fit_windows


class Cbow(Embedding):
    """Several times faster than skip-gram, with one step for each token; wants more text."""

    name: ClassVar[str] = "cbow"
    Params: ClassVar[type[Any]] = WindowParams
    has_reference: ClassVar[bool] = True
    resumes: ClassVar[bool] = True
    starts: ClassVar[bool] = True
    outputs_of: ClassVar[tuple[str, ...]] = ("cbow",)

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """See the base."""
        return cls._fit_in_gensim(job) if job.reference else fit_windows(job, bag=True)

    @staticmethod
    def _fit_in_gensim(job: FitJob) -> Fitted:
        from gensim.models import Word2Vec

        from tokit.embedding.train.gensim_trainer import fit_gensim

        def make(settings: dict[str, Any], _seen: IntArray) -> Any:
            return Word2Vec(sg=0, cbow_mean=1, **settings)

        return fit_gensim(job, make)
