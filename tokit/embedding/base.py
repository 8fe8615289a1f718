"""Base class of static embedding families: a parameter dataclass, and a training from ids to vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import Enum
from threading import Event
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray, Pieces
from tokit.embedding.ngrams import NgramTable
from tokit.embedding.warm_start import InitialVectors
from tokit.errors import TrainingError, UsageError
from tokit.ids.stream import IdStream
from tokit.params import param
from tokit.progress import Tick, silent
from tokit.storage.safetensors import Rows
from tokit.storage.training_state import Checkpoints

# gensim splits a sentence after this many tokens: a wider window would have no effect there.
MAX_WINDOW = 10_000
WHY_NOT_REPRODUCIBLE = (
    "more than one thread trained at once; --threads 1 or --deterministic gives the same bytes every time"
)
MAX_DIM = 65_536
# A loss is kept for each epoch.
MAX_EPOCHS = 1_000_000


class Capability(Enum):
    """An optional ability of a family."""

    # A library trains it in place of our kernels.
    REFERENCE = "reference"
    # A training continues from a checkpoint.
    RESUMABLE = "resumable"
    # Vectors are initialized from another embedding; also when the reference library trains.
    WARM_STARTABLE = "warm_startable"
    REFERENCE_WARM_STARTABLE = "reference_warm_startable"
    # Vectors are means of n-gram vectors.
    NGRAMS = "ngrams"


@dataclass(frozen=True)
class Word2VecParams:
    """Parameters of the word2vec families."""

    window: int = param(5, "largest distance of a context token", minimum=1)
    negative: int = param(5, "negative samples for each token", minimum=1)
    epochs: int = param(5, "passes over the corpus", minimum=1, maximum=MAX_EPOCHS)
    sample: float = param(1e-3, "frequency above which tokens are subsampled; 0: never", minimum=0)
    learning_rate: float = param(0.025, "initial learning rate", minimum=0)
    min_learning_rate: float = param(0.0001, "final learning rate", minimum=0)

    def __post_init__(self) -> None:
        check_sample(self.sample)
        if not 0 < self.learning_rate < 1:
            raise UsageError(
                f"--learning-rate {self.learning_rate:g}: not between 0 and 1", hint="--learning-rate 0.025"
            )
        if self.min_learning_rate > self.learning_rate:
            raise UsageError(
                f"--min-learning-rate {self.min_learning_rate:g} is above --learning-rate {self.learning_rate:g}",
                hint="the learning rate only falls",
            )
        for name in ("window", "negative"):
            if getattr(self, name) > MAX_WINDOW:
                raise UsageError(f"--{name} {getattr(self, name)}: more than {MAX_WINDOW:,}", hint=f"--{name} 5")


def check_sample(sample: float) -> None:
    """Check the frequency above which tokens are subsampled.

    Raises:
        UsageError: it is 1 or more.
    """
    if sample >= 1:
        raise UsageError(f"--sample {sample:g}: a frequency is below 1", hint="--sample 0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class FitJob:
    """Input of a training.

    Attributes:
        ids: The corpus.
        pieces: Names and texts of the tokens.
        counts: Occurrences of each id in the corpus, 0 for ids that are skipped; int64, shape (vocab,).
        dim: Dimension of the vectors, > 0.
        params: The family's parameters.
        seed: Random seed.
        threads: Threads to train with.
        deterministic: Give the same bytes for any number of threads.
        reference: Train in the reference library, if the family has one.
        tick: Progress.
        checkpoints: Where the state is saved; only resumable families do so.
        warm_start: Vectors to initialize from; None initializes at random.
        stop: Set from another thread to end the training soon; its result is then of no use.
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
    warm_start: InitialVectors | None = None
    stop: Event = field(default_factory=Event)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """Tokens that have a vector after the training: in the corpus, or initialized from one. Shape (vocab,)."""
        occurs: npt.NDArray[np.bool_] = self.counts > 0
        return occurs if self.warm_start is None else occurs | self.warm_start.initialized


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Result of a training.

    Attributes:
        vectors: Row i is token id i, zeros where the token is not known; float32, shape (vocab, dim).
        output: Output vectors, to continue training; rows as above.
        losses: Mean loss of a trained token in each epoch; empty when the family has no loss.
        words_per_second: Tokens read a second.
        not_reproducible_because: Why the same job may give other bytes; empty when it gives the same.
        engine: "kernels", or the name of the library that trained.
        ngrams: Vectors of n-grams, of a family that has them.
        table: Rows that vectors are means of: own rows of tokens, then rows of n-grams.
    """

    vectors: FloatArray
    output: Rows
    losses: tuple[float, ...] = ()
    words_per_second: float = 0.0
    not_reproducible_because: str = ""
    engine: str = "kernels"
    ngrams: NgramTable | None = None
    table: FloatArray | None = None


def require_neighbors(job: FitJob) -> None:
    """Check that the corpus has two known tokens next to each other.

    Raises:
        TrainingError: it has not.
    """
    longest = int(job.ids.lengths.max(initial=0))
    if longest < 2:
        what = "the corpus has no token" if longest == 0 else "no document has two tokens, so none has a neighbor"
        raise TrainingError(what, hint="give more text; --unit file makes a whole file one document")
    if not job.counts.any():
        raise TrainingError("no two tokens that the tokenizer knows stand together", hint="give more text")


def require_finite(vectors: FloatArray, output: FloatArray, *, lower: str) -> None:
    """Check that a training did not diverge.

    Args:
        vectors: Input vectors.
        output: Output vectors.
        lower: Option to lower when it did, with its default.

    Raises:
        TrainingError: a number is not finite.
    """
    if not (np.isfinite(vectors).all() and np.isfinite(output).all()):
        raise TrainingError("the training diverged: vectors are not finite", hint=f"lower {lower}")


class Embedding(ABC):
    """A family of static embeddings.

    Attributes:
        name: Name on the command line.
        Params: Parameter dataclass.
        capabilities: Optional abilities.
        shares_output_with: Families whose output vectors mean the same, so that a training continues from them.
    """

    name: ClassVar[str]
    Params: ClassVar[type[Any]]
    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    shares_output_with: ClassVar[tuple[str, ...]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, job: FitJob) -> Fitted:
        """Learn vectors.

        Raises:
            TrainingError: there is nothing to learn from, or the training diverged.
            MissingPackageError: the job asks for a reference library that is not installed.
        """
