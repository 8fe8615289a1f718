"""Threads: how many the engines may use, and work that must not hold up Ctrl-C."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

# Items that wait for a thread, so that none idles while the caller is busy with a result.
AHEAD = 2
T = TypeVar("T")
U = TypeVar("U")


def set_threads(threads: int | None) -> None:
    """Tell the engines how many threads to use; call it before any of them is imported."""
    if threads is not None:
        os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def available_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


def thread_count() -> int:
    """How many threads the user allows, or all processors."""
    named = os.environ.get("RAYON_NUM_THREADS", "")
    return int(named) if named.isdecimal() and int(named) else available_threads()


def in_order(work: Callable[[T], U], items: Iterable[T], *, alone: Callable[[T], bool]) -> Iterator[U]:
    """`work` of each item in the order of the items, on as many threads as the user allows.

    Only so many items are taken ahead that memory does not depend on how many there are.

    Args:
        work: Is called from several threads at once.
        items: Taken in the calling thread.
        alone: Items that are not worth a thread: they are worked on at once, so that what comes slowly from a pipe is
            answered when it comes.
    """
    threads = thread_count()
    pending: deque[Future[U]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            if threads == 1 or alone(item):
                while pending:
                    yield pending.popleft().result()
                yield work(item)
                continue
            pending.append(pool.submit(work, item))
            while len(pending) > threads + AHEAD or (pending and pending[0].done()):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


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
