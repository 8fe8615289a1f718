"""Number of threads, ordered work on threads, and work that Ctrl-C can interrupt."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import Generic, NoReturn, TypeVar

# Items that wait for a thread, so that none idles while the caller is busy with a result.
AHEAD = 2
T = TypeVar("T")
U = TypeVar("U")


def set_threads(threads: int | None) -> None:
    """Set the number of threads of the engines; call it before any of them is imported."""
    if threads is not None:
        os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def available_threads() -> int:
    """The processors that this process may use."""
    # Not every system says which ones a process may use; macOS does not.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Number of threads that the user allows, or of all processors."""
    named = os.environ.get("RAYON_NUM_THREADS", "")
    return int(named) if named.isdecimal() and int(named) else available_threads()


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Use at most this many threads in the block; None changes nothing.

    The `tokenizers` library reads the number once, when it first works on several threads.
    """
    before = os.environ.get("RAYON_NUM_THREADS")
    set_threads(threads)
    try:
        yield
    finally:
        if threads is not None:
            os.environ.pop("RAYON_NUM_THREADS", None)
            if before is not None:
                os.environ["RAYON_NUM_THREADS"] = before


def in_order(work: Callable[[T], U], items: Iterable[T], *, alone: Callable[[T], bool]) -> Iterator[U]:
    """Apply `work` to each item on the threads that the user allows; results come in the order of the items.

    A result is yielded as soon as it is ready, even when the next item is slow to arrive. A limited number of items is
    taken ahead, so memory does not depend on their number. An error in taking an item is raised after the results of
    the items before it.

    Args:
        work: Called from several threads at once.
        items: Taken in a thread of their own, unless only one thread is allowed.
        alone: True for an item that is not worth a thread: the calling thread does it.
    """
    threads = thread_count()
    if threads == 1:
        for item in items:
            yield work(item)
        return
    pool = ThreadPoolExecutor(threads)
    ahead = Ahead(items, lambda item: partial(work, item) if alone(item) else pool.submit(work, item).result)
    try:
        yield from ahead.results(threads + AHEAD)
    finally:
        ahead.stop()
        pool.shutdown(wait=False, cancel_futures=True)


class Ahead(Generic[T, U]):
    """Work that one thread starts, as its items arrive, and another waits for.

    Args:
        items: The items.
        begin: Starts the work on an item; returns a function that gives the result, and may wait for it.
    """

    def __init__(self, items: Iterable[T], begin: Callable[[T], Callable[[], U]]) -> None:
        self._items = items
        self._begin = begin
        self._begun: SimpleQueue[Callable[[], U] | None] = SimpleQueue()
        self._room = threading.Semaphore(0)
        self._stopped = False
        # A daemon: nothing can interrupt its wait for a silent pipe.
        self._thread = threading.Thread(target=self._run, daemon=True)

    def results(self, ahead: int) -> Iterator[U]:
        """Yield the results in the order of the items; `ahead` items are taken beyond the one waited for."""
        self._room.release(ahead + 1)
        self._thread.start()
        while (result := self._begun.get()) is not None:
            yield result()
            self._room.release()

    def stop(self) -> None:
        """Take no more items."""
        self._stopped = True
        self._room.release()
        # Long enough for any thread that does not wait for a pipe.
        self._thread.join(0.1)

    def _run(self) -> None:
        try:
            for item in self._within_room():
                self._begun.put(self._begin(item))
        except BaseException as error:
            self._begun.put(partial(_raised, error))
        self._begun.put(None)

    def _within_room(self) -> Iterator[T]:
        items = iter(self._items)
        while self._room.acquire() and not self._stopped:
            try:
                item = next(items)
            except StopIteration:
                return
            if self._stopped:
                return
            yield item


def _raised(error: BaseException) -> NoReturn:
    raise error


def interruptible(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, so that an interrupt reaches the caller while an engine computes.

    Returns:
        What `work` returns; what it raises is raised here.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        # A join without a limit would not let signals through.
        thread.join(0.2)
    if errors:
        raise errors[0]
    return results[0]
