"""Training loop over blocks: scheduling, progress, checkpoint and resume.

Blocks are taken in their order in every epoch, by one thread or by several. The random numbers of a
block are a stream of its own, so that one thread learns the same however often it was killed and resumed.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tokit.arrays import FloatArray, IntArray
from tokit.embedding.base import FitJob
from tokit.progress import Progress


@dataclass(frozen=True, slots=True)
class Turn:
    """A block in an epoch, both counted from zero; it has the items `start` to `end`."""

    epoch: int
    number: int
    start: int
    end: int


class TrainingRun(ABC):
    """Schedules blocks; tracks throughput and loss.

    A family implements what a thread does with a block, its state, and when that is saved.

    Args:
        job: The job; its parameters have a number of epochs.
        blocks: Ends of the blocks, in items; int64, shape (blocks,).
        loss_sums: Zeros, one or several an epoch, that losses are added to.

    Attributes:
        unit: Name of the items in progress messages: tokens, or pairs.
        per_second: Items learned a second.
    """

    unit: ClassVar[str]

    def __init__(self, job: FitJob, blocks: IntArray, loss_sums: npt.NDArray[np.float64]) -> None:
        self._job = job
        self._blocks = blocks
        self._loss_sums = loss_sums
        self._size = int(blocks[-1]) if len(blocks) else 0
        self._last: int = job.params.epochs * len(blocks)
        self._lock = threading.Lock()
        self._started = time.perf_counter()
        self._taken = self._until = self._done = self._skipped = 0
        self.per_second = 0.0

    @abstractmethod
    def _work(self) -> None:
        """Learn the blocks of `_turns`, and `_report` after each; called in every thread."""

    @abstractmethod
    def _state(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays of a checkpoint, losses included; they are written to when one is loaded."""

    @abstractmethod
    def _next_checkpoint(self, every: int) -> int:
        """Turn before which the next checkpoint is due, `every` tokens of the corpus after the last one."""

    @abstractmethod
    def _note(self, epoch: int) -> str:
        """Note beside the progress."""

    def run(self, threads: int) -> None:
        """Learn every block in every epoch, from a checkpoint if there is one, or until the job is stopped."""
        self._resume()
        self._started = time.perf_counter()
        checkpoints = self._job.checkpoints
        while self._taken < self._last and not self._job.stop.is_set():
            self._until = self._last if checkpoints is None else self._next_checkpoint(checkpoints.every)
            self._run_on(threads)
            if checkpoints and self._taken < self._last and not self._job.stop.is_set():
                checkpoints.save(self._state(), self._taken)

    def _run_on(self, threads: int) -> None:
        if threads == 1:
            self._work()
            return
        with ThreadPoolExecutor(threads) as pool:
            for future in [pool.submit(self._work) for _ in range(threads)]:
                future.result()

    def _resume(self) -> None:
        checkpoints = self._job.checkpoints
        found = checkpoints.load() if checkpoints else None
        if checkpoints is None or found is None:
            return
        with checkpoints.restoring():
            arrays, self._taken = found
            for name, array in self._state().items():
                if arrays[name].shape != array.shape:
                    raise ValueError(name)
                array[:] = arrays[name]
            if self._taken >= self._last:
                raise ValueError(self._taken)
            turn = self._turn(self._taken)
        self._skipped = turn.epoch * self._size + turn.start

    def _turn(self, count: int) -> Turn:
        epoch, number = divmod(count, len(self._blocks))
        start = int(self._blocks[number - 1]) if number else 0
        return Turn(epoch, number, start, int(self._blocks[number]))

    def _turns(self) -> Iterator[Turn]:
        """Turns of the calling thread."""
        while not self._job.stop.is_set():
            with self._lock:
                count = self._taken
                if count >= self._until:
                    return
                self._taken += 1
            yield self._turn(count)

    def _random_stream(self, turn: Turn) -> np.random.Philox:
        """Random numbers of a block in an epoch."""
        return np.random.Philox(key=self._job.seed, counter=[0, 0, turn.epoch, turn.number + 1])

    def _report(self, turn: Turn, loss: FloatArray | float) -> None:
        with self._lock:
            self._done += turn.end - turn.start
            self._loss_sums[turn.epoch] += loss
            self.per_second = self._done / max(time.perf_counter() - self._started, 1e-9)
            done, total = self._skipped + self._done, self._job.params.epochs * self._size
            self._job.tick(Progress("fitting", done, total, self.unit, self._note(turn.epoch)))
