"""Continuous bag of words: the mean of a token's context vectors learns to predict it against negative samples.

Mikolov et al. 2013, https://arxiv.org/abs/1301.3781
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tokit.arrays import IntArray
from tokit.embedding.base import Capability, Embedding, FitJob, Fitted, Word2VecParams
from tokit.embedding.train.word2vec import fit_word2vec
from tokit.params import param


@dataclass(frozen=True)
class CbowParams(Word2VecParams):
    """Parameters of cbow: those of word2vec."""

    # It falls linearly to `min_learning_rate` over all epochs: Word2VecTraining in embedding/train/word2vec.py.
    learning_rate: float = param(0.025, "initial learning rate", minimum=0)


class Cbow(Embedding):
    """Several times faster than skip-gram, with one step for each token; needs more text."""

    name: ClassVar[str] = "cbow"
    Params: ClassVar[type[Any]] = CbowParams
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.REFERENCE,
            Capability.RESUMABLE,
            Capability.WARM_STARTABLE,
            Capability.REFERENCE_WARM_STARTABLE,
        }
    )
    shares_output_with: ClassVar[tuple[str, ...]] = ("cbow",)

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors."""
        return cls._fit_in_gensim(job) if job.reference else fit_word2vec(job, cbow=True)

    @staticmethod
    def _fit_in_gensim(job: FitJob) -> Fitted:
        from tokit.embedding.train.gensim_trainer import fit_gensim

        def make_model(settings: dict[str, Any], _seen: IntArray) -> Any:
            from gensim.models import Word2Vec

            return Word2Vec(sg=0, cbow_mean=1, **settings)

        return fit_gensim(job, make_model)
