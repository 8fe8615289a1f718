"""What a static embedding family is: a parameter dataclass and a way from ids to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from threading import Event
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray, Pieces
from tokit.embedding.ngrams import NgramTable
from tokit.embedding.warm_start import Start
from tokit.errors import TrainingError, UsageError
from tokit.ids.stream import IdStream
from tokit.params import param
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows
from tokit.storage.training_state import Checkpoints

# gensim looks at no more tokens of a sentence at once, so a wider window would say nothing.
MAX_WINDOW = 10_000
WHY_NOT_REPRODUCIBLE = (
    "more than one thread trained at once; --threads 1 or --deterministic gives the same bytes every time"
)
# Columns that no vectors have.
MAX_DIM = 65_536
# More passes than anybody waits for; a loss is kept of each.
MAX_EPOCHS = 1_000_000


@dataclass(frozen=True)
class WindowParams:
    """What all families take that predict a token from its neighbors, or its neighbors from it."""

    window: int = param(5, "tokens to either side that count as neighbors, at most", minimum=1)
    negative: int = param(5, "random tokens drawn against each true one", minimum=1)
    epochs: int = param(5, "passes over the corpus", minimum=1, maximum=MAX_EPOCHS)
    sample: float = param(1e-3, "share above which frequent tokens are left out at random; 0: never", minimum=0)
    learning_rate: float = param(0.025, "learning rate at the start", minimum=0)
    min_learning_rate: float = param(0.0001, "learning rate at the end", minimum=0)

    def __post_init__(self) -> None:
        if self.sample >= 1:
            raise UsageError(f"sample={self.sample:g}: a share is below 1", hint="--sample 0.001")
        if not 0 < self.learning_rate < 1:
            raise UsageError(f"learning_rate={self.learning_rate:g}: not between 0 and 1", hint="--learning-rate 0.025")
        if self.min_learning_rate > self.learning_rate:
            raise UsageError(
                f"min_learning_rate={self.min_learning_rate:g} is above learning_rate={self.learning_rate:g}",
                hint="the learning rate only falls",
            )
        for name in ("window", "negative"):
            if getattr(self, name) > MAX_WINDOW:
                raise UsageError(f"{name}={getattr(self, name)}: more than {MAX_WINDOW:,}", hint=f"--{name} 5")


@dataclass(frozen=True, slots=True)
class FitJob:
    """All that a family learns from.

    Attributes:
        ids: The corpus.
        pieces: What each id stands for.
        counts: How often each id occurs in the corpus, 0 for one that is passed over; int64, shape (vocab,).
        dim: Columns of the vectors, > 0.
        params: The family's own.
        seed: Of whatever is drawn at random.
        threads: How many may train at once.
        deterministic: The same bytes whatever `threads` is.
        reference: Train in the reference library, where there is one for the family.
        tick: Progress.
        checkpoints: Where the state is kept on the way; only families that say so keep one.
        start: What to begin with; None begins at random.
        stop: Set it, and a training that runs in another thread ends soon; what it returns is then of no use.
    """

    ids: IdStream
    pieces: Pieces
    counts: IntArray
    dim: int
    params: Any
    seed: int = 0
    threads: int = 1
    deterministic: bool = False
    reference: bool = False
    tick: Tick = silent
    checkpoints: Checkpoints | None = None
    start: Start | None = None
    stop: Event = field(default_factory=Event)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Tokens that have a vector in the end: those of the corpus, and those that begin with one. Shape (vocab,)."""
        seen: npt.NDArray[np.bool_] = self.counts > 0
        return seen if self.start is None else seen | self.start.given


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a family learned.

    Attributes:
        vectors: Row i is token id i, zeros where the token is not known; float32, shape (vocab, dim).
        output: The other half of the model, for going on; rows as above.
        losses: Mean loss of a trained token in each epoch; empty when the family does not say.
        words_per_second: Tokens read a second.
        not_reproducible_because: Why the same job may give other bytes; empty when it gives the same.
        engine: What trained: "kernels", or a library's name.
        ngrams: What the vectors are means of, in a family that has n-grams.
        table: The rows that vectors are means of, on the way from the kernels to the family.
    """

    vectors: FloatArray
    output: Rows
    losses: tuple[float, ...]
    words_per_second: float
    not_reproducible_because: str = ""
    engine: str = "kernels"
    ngrams: NgramTable | None = None
    table: FloatArray | None = None


def require_neighbors(job: FitJob) -> None:
    """Check that some token has a neighbor, and that some is known.

    Raises:
        TrainingError: none has, or is.
    """
    longest = int(job.ids.lengths.max(initial=0))
    if longest < 2:
        what = "the corpus has no token" if longest == 0 else "no document has two tokens, so none has a neighbor"
        raise TrainingError(what, hint="give more text; --unit file makes a whole file one document")
    if not job.counts.any():
        raise TrainingError("no two tokens that the tokenizer knows stand together", hint="give more text")


def require_finite(vectors: FloatArray, output: FloatArray, *, lower: str) -> None:
    """Check what was learned.

    Args:
        vectors: One half of the model.
        output: The other.
        lower: A setting that is too high when this fails, with its default.

    Raises:
        TrainingError: a number is not finite.
    """
    if not (np.isfinite(vectors).all() and np.isfinite(output).all()):
        raise TrainingError("the training diverged: vectors are not finite", hint=f"lower {lower}")


class Embedding(ABC):
    """A family of static embeddings."""

    name: ClassVar[str]
    Params: ClassVar[type[Any]]
    # Whether a library can train it in place of our kernels.
    has_reference: ClassVar[bool] = False
    # Whether a training that was killed can go on.
    resumes: ClassVar[bool] = False
    # Whether it can begin with vectors of another training, and whether it can in the reference library.
    starts: ClassVar[bool] = False
    reference_starts: ClassVar[bool] = True
    # Whether a token's vector is made of n-grams'.
    has_ngrams: ClassVar[bool] = False
    # Families whose output matrix says what this one's does.
    outputs_of: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors.

        Raises:
            TrainingError: there is nothing to learn from, or the training diverged.
        """
