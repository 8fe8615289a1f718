"""Training in gensim on the same ids as the kernels.

gensim truncates a sentence at 10,000 tokens silently, and waits forever for a worker that died. Here it gets documents
in parts, and an error in a worker is raised. Tokens that the corpus does not have are left out of its vocabulary: they
would be drawn as negative samples.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import (
    WHY_NOT_REPRODUCIBLE,
    FitJob,
    Fitted,
    Word2VecParams,
    require_finite,
    require_neighbors,
)
from tokit.embedding.warm_start import InitialVectors
from tokit.progress import Progress
from tokit.runtime.gensim import require_gensim

# gensim's MAX_WORDS_IN_BATCH.
LONGEST_SENTENCE = 10_000


def fit_gensim(job: FitJob, make_model: Callable[[dict[str, Any], IntArray], Any], *, has_loss: bool = True) -> Fitted:
    """Train one of gensim's models.

    Args:
        job: The job.
        make_model: Builds the model from the settings that all have in common and the ids in the corpus.
        has_loss: The model has a loss.

    Raises:
        TrainingError: no document has two tokens, or the training diverged.
        MissingPackageError: gensim is not installed.
    """
    require_gensim("--engine reference of this family")
    require_neighbors(job)
    seen = np.flatnonzero(job.counts)
    model = make_model(_settings(job.params, job), seen)
    model.build_vocab_from_freq(dict(zip(seen.tolist(), job.counts[seen].tolist(), strict=True)))
    if job.warm_start is not None:
        _initialize(job.warm_start, model, seen)
    watch = Watch(job, has_loss=has_loss)
    model._do_train_job = watch.around(model)
    model.train(
        corpus_iterable=Sentences(job, watch),
        total_words=len(job.ids.data),
        epochs=job.params.epochs,
        compute_loss=has_loss,
        callbacks=(watch,),
    )
    if watch.error is not None:
        raise watch.error
    vectors = full_matrix(model.wv.vectors, seen, job)
    output = full_matrix(model.syn1neg, seen, job)
    if job.warm_start is not None:
        job.warm_start.restore(vectors, job.counts)
        job.warm_start.restore_output(output, job.counts)
    require_finite(vectors, output, lower="--learning-rate 0.025")
    because = WHY_NOT_REPRODUCIBLE if job.threads > 1 and not job.deterministic else ""
    return Fitted(
        vectors=vectors,
        output=output,
        losses=tuple(watch.losses),
        words_per_second=watch.words_per_second,
        not_reproducible_because=because,
        engine="gensim",
    )


def _settings(params: Word2VecParams, job: FitJob) -> dict[str, Any]:
    return {
        "vector_size": job.dim,
        "window": params.window,
        "negative": params.negative,
        "epochs": params.epochs,
        "sample": params.sample,
        "alpha": params.learning_rate,
        "min_alpha": params.min_learning_rate,
        "seed": job.seed,
        "workers": 1 if job.deterministic else job.threads,
        "min_count": 0,
        "sorted_vocab": 0,
    }


def _initialize(start: InitialVectors, model: Any, seen: IntArray) -> None:
    """Write the initial vectors of the corpus's tokens into the model."""
    places = np.flatnonzero(start.initialized[seen])
    model.wv.vectors[places] = start.vectors[seen[places]]
    if start.output is not None:
        model.syn1neg[places] = start.output[seen[places]]


def full_matrix(rows: FloatArray, seen: IntArray, job: FitJob) -> FloatArray:
    """Expand the rows of the corpus's tokens to a row for every token."""
    table = np.zeros((len(job.counts), job.dim), dtype=np.float32)
    table[seen] = rows
    return table


class Sentences:
    """Sentences for gensim, which reads them once an epoch."""

    def __init__(self, job: FitJob, watch: Watch) -> None:
        self._job = job
        self._watch = watch

    def __iter__(self) -> Iterator[list[int]]:
        try:
            for sentence in self._job.ids.sentences(LONGEST_SENTENCE):
                if self._job.stop.is_set():
                    return
                yield sentence
        # gensim would not notice the error, and wait.
        except Exception as error:
            self._watch.fail(error)


class Watch:
    """Observer of a training in gensim: reports progress, adds up the loss, and catches errors of workers.

    gensim adds the loss up in 32 bits, which stops growing after a few million tokens; here it is reset for each batch.

    Attributes:
        losses: Mean loss of a trained token, for each epoch.
        error: The first error of a worker.
    """

    def __init__(self, job: FitJob, *, has_loss: bool) -> None:
        self._job = job
        self._has_loss = has_loss
        self._lock = Lock()
        self._started = time.perf_counter()
        self._done = self._trained = 0
        self._loss = 0.0
        self.losses: list[float] = []
        self.error: Exception | None = None

    @property
    def words_per_second(self) -> float:
        """Tokens read a second, so far."""
        return self._done / max(time.perf_counter() - self._started, 1e-9)

    def around(self, model: Any) -> Callable[..., tuple[int, int]]:
        """Wrap the model's training of a batch."""
        train = type(model)._do_train_job

        def watched(sentences: list[list[int]], alpha: float, memory: Any) -> tuple[int, int]:
            try:
                # A view for each batch, so that two workers do not overwrite the loss of the other.
                view = copy.copy(model)
                view.running_training_loss = 0.0
                trained, read = train(view, sentences, alpha, memory)
                self._report(int(trained), int(read), float(view.running_training_loss))
            except Exception as error:
                self.fail(error)
                return 0, 0
            return trained, read

        return watched

    def fail(self, error: Exception) -> None:
        """Record the first error and end the training."""
        with self._lock:
            self.error = self.error or error
        self._job.stop.set()

    def _report(self, trained: int, read: int, loss: float) -> None:
        with self._lock:
            self._done += read
            self._trained += trained
            self._loss += loss
            epochs, tokens = self._job.params.epochs, len(self._job.ids.data)
            note = f"{self.words_per_second:,.0f} words/s, epoch {len(self.losses) + 1} of {epochs}"
            if self._has_loss and self._trained:
                note += f", loss {self._loss / self._trained:.3f}"
            self._job.tick(Progress("fitting", self._done, epochs * tokens, "tokens", note))

    def on_train_begin(self, _model: Any) -> None:
        """gensim begins."""
        self._started = time.perf_counter()

    def on_epoch_begin(self, _model: Any) -> None:
        """gensim begins an epoch."""
        self._trained, self._loss = 0, 0.0

    def on_epoch_end(self, _model: Any) -> None:
        """gensim ends an epoch."""
        if self._has_loss:
            self.losses.append(self._loss / max(self._trained, 1))

    def on_train_end(self, _model: Any) -> None:
        """gensim ends."""
