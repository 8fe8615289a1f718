"""Skip-gram with negative sampling: a token's vector learns to tell its context tokens from random ones.

Mikolov et al. 2013, https://arxiv.org/abs/1310.4546
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from tokit.arrays import IntArray
from tokit.embedding.base import Capability, Embedding, FitJob, Fitted, Word2VecParams
from tokit.embedding.train.word2vec import fit_word2vec
from tokit.params import param


@dataclass(frozen=True)
class SkipGramParams(Word2VecParams):
    """Parameters of skip-gram: those of word2vec."""

    # It falls linearly to `min_learning_rate` over all epochs: Word2VecTraining in embedding/train/word2vec.py.
    learning_rate: float = param(0.025, "initial learning rate", minimum=0)


class SkipGram(Embedding):
    """Good on little text and for rare tokens; one step for each pair of neighbors."""

    name: ClassVar[str] = "skipgram"
    Params: ClassVar[type[Any]] = SkipGramParams
    capabilities: ClassVar[frozenset[Capability]] = frozenset(
        {
            Capability.REFERENCE,
            Capability.RESUMABLE,
            Capability.WARM_STARTABLE,
            Capability.REFERENCE_WARM_STARTABLE,
        }
    )
    shares_output_with: ClassVar[tuple[str, ...]] = ("skipgram", "fasttext")

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors."""
        return cls._fit_in_gensim(job) if job.reference else fit_word2vec(job, cbow=False)

    @staticmethod
    def _fit_in_gensim(job: FitJob) -> Fitted:
        from tokit.embedding.train.gensim_trainer import fit_gensim

        def make_model(settings: dict[str, Any], _seen: IntArray) -> Any:
            from gensim.models import Word2Vec

            return Word2Vec(sg=1, **settings)

        return fit_gensim(job, make_model)
