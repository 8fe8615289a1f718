"""Training in gensim: ids go in as they are, and none is lost.

gensim cuts a sentence at 10,000 tokens without a word and waits for ever for a worker that died; here documents come
to it in parts, and what goes wrong in a worker is raised. Tokens that the corpus does not have are not shown to it:
they would be drawn as negatives.
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
    WindowParams,
    require_finite,
    require_neighbors,
)
from tokit.embedding.warm_start import Start
from tokit.progress import Progress

# gensim's MAX_WORDS_IN_BATCH.
LONGEST_SENTENCE = 10_000


def fit_gensim(job: FitJob, make_model: Callable[[dict[str, Any], IntArray], Any], *, has_loss: bool = True) -> Fitted:
    """Train one of gensim's models.

    Args:
        job: What to learn from.
        make_model: Makes the model, out of the settings that all have in common and the ids that the corpus has.
        has_loss: The model keeps a loss.

    Raises:
        TrainingError: no document has two tokens, or the training diverged.
    """
    require_neighbors(job)
    seen = np.flatnonzero(job.counts)
    model = make_model(_settings(job.params, job), seen)
    model.build_vocab_from_freq(dict(zip(seen.tolist(), job.counts[seen].tolist(), strict=True)))
    if job.start is not None:
        _lay(job.start, model, seen)
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
    vectors = spread(model.wv.vectors, seen, job)
    output = spread(model.syn1neg, seen, job)
    if job.start is not None:
        job.start.keep(vectors, job.counts)
        job.start.keep_output(output, job.counts)
    require_finite(vectors, output, lower="--learning-rate 0.025")
    because = WHY_NOT_REPRODUCIBLE if job.threads > 1 and not job.deterministic else ""
    return Fitted(vectors, output, tuple(watch.losses), watch.words_per_second, because, "gensim")


def _settings(params: WindowParams, job: FitJob) -> dict[str, Any]:
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


def _lay(start: Start, model: Any, seen: IntArray) -> None:
    """Begin with the vectors that are given to tokens of the corpus."""
    places = np.flatnonzero(start.given[seen])
    model.wv.vectors[places] = start.vectors[seen[places]]
    if start.output is not None:
        model.syn1neg[places] = start.output[seen[places]]


def spread(rows: FloatArray, seen: IntArray, job: FitJob) -> FloatArray:
    """A row for every token, out of those of the tokens that the corpus has."""
    table = np.zeros((len(job.counts), job.dim), dtype=np.float32)
    table[seen] = rows
    return table


class Sentences:
    """The corpus as gensim reads it, once an epoch."""

    def __init__(self, job: FitJob, watch: Watch) -> None:
        self._job = job
        self._watch = watch

    def __iter__(self) -> Iterator[list[int]]:
        try:
            for sentence in self._job.ids.sentences(LONGEST_SENTENCE):
                if self._job.stop.is_set():
                    return
                yield sentence
        # gensim would never hear of it, and wait.
        except Exception as error:
            self._watch.fail(error)


class Watch:
    """Looks on while gensim trains: tells progress, adds up the loss, and catches what goes wrong in a worker.

    gensim adds the loss up in 32 bits, which stops growing after some million tokens; here every job starts at zero.

    Attributes:
        losses: Mean loss of a trained token, one an epoch.
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
        """The model's work on a batch, watched."""
        train = type(model)._do_train_job

        def watched(sentences: list[list[int]], alpha: float, memory: Any) -> tuple[int, int]:
            try:
                # A view of its own, so that two workers do not overwrite each other's loss.
                view = copy.copy(model)
                view.running_training_loss = 0.0
                trained, read = train(view, sentences, alpha, memory)
                self._tell(int(trained), int(read), float(view.running_training_loss))
            except Exception as error:
                self.fail(error)
                return 0, 0
            return trained, read

        return watched

    def fail(self, error: Exception) -> None:
        """Keep the first error and let the training run out."""
        with self._lock:
            self.error = self.error or error
        self._job.stop.set()

    def _tell(self, trained: int, read: int, loss: float) -> None:
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
