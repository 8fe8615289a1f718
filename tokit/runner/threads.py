"""Threads: how many the engines may use, and work that must not hold up Ctrl-C."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def set_threads(threads: int | None) -> None:
    """Tell the engines how many threads to use; call it before any of them is imported."""
    if threads is not None:
        os.environ["RAYON_NUM_THREADS"] = str(threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")


def available_threads() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0))


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
