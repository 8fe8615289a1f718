"""Skip-gram with negative sampling: each token's vector learns to tell its neighbours from random tokens.

Mikolov et al. 2013, https://arxiv.org/abs/1310.4546
"""

from __future__ import annotations

from typing import Any, ClassVar

from tokit.arrays import IntArray
from tokit.embedding.base import Embedding, FitJob, Fitted, WindowParams
from tokit.embedding.window import fit_window


class SkipGram(Embedding):
    """Good on little text and for rare tokens; a step for each pair of neighbours."""

    name: ClassVar[str] = "skipgram"
    Params: ClassVar[type[Any]] = WindowParams

    @classmethod
    def fit(cls, job: FitJob) -> Fitted:
        from gensim.models import Word2Vec

        def make(settings: dict[str, Any], _seen: IntArray) -> Any:
            return Word2Vec(sg=1, **settings)

        return fit_window(job, make)
