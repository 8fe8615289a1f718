"""Work on several threads: results come in order and at once, and only so much is begun."""

from __future__ import annotations

import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.support.program import LIMIT, TOKIT
from tokit.corpus.corpus_progress import WORTH_A_THREAD
from tokit.runtime import threads
from tokit.runtime.threads import AHEAD, in_order


@pytest.fixture(params=[1, 2, 5])
def allowed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("RAYON_NUM_THREADS", str(request.param))
    return int(request.param)


def never(_: object) -> bool:
    return False


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("alone", [never, lambda number: number % 3 == 0, lambda _: True])
def test_results_have_the_order_of_the_items(alone) -> None:
    draw = Random(0)

    def work(number: int) -> int:
        time.sleep(draw.random() / 500)
        return number * number

    assert list(in_order(work, iter(range(60)), alone=alone)) == [number * number for number in range(60)]
    assert list(in_order(work, iter(()), alone=alone)) == []


@pytest.mark.usefixtures("allowed")
def test_a_result_does_not_wait_for_the_next_item() -> None:
    reading, writing = os.pipe()

    def items() -> Iterator[bytes]:
        while piece := os.read(reading, 1 << 10):
            yield piece

    results = in_order(bytes.upper, items(), alone=never)
    try:
        # A deadlock, were it not so, and this test would run into its time limit.
        for word in (b"one", b"two", b"three"):
            os.write(writing, word)
            assert next(results) == word.upper()
        os.close(writing)
        assert list(results) == []
    finally:
        results.close()
        os.close(reading)


@pytest.mark.skipif(not hasattr(fcntl, "F_SETPIPE_SZ"), reason="the pipe cannot be made wide enough here")
def test_producer_may_wait_for_the_answer_to_a_large_text(bpe_folder: Path) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 1 << 20)
    lines = b"some words of a line\n" * (2 * WORTH_A_THREAD // 21)
    command = [*TOKIT, "encode", "-t", str(bpe_folder), "--threads", "2", "--quiet"]
    # All of it lies in the pipe before anybody reads, so it comes as one block.
    os.write(writing, lines)
    with subprocess.Popen(command, stdin=reading, stdout=subprocess.PIPE) as process, os.fdopen(writing, "wb") as pipe:
        assert process.stdout is not None
        os.close(reading)
        late = threading.Timer(LIMIT / 2, process.kill)
        late.start()
        for _ in range(2):
            answered = [process.stdout.readline() for _ in range(lines.count(b"\n"))]
            assert len(set(answered)) == 1 and answered[0].endswith(b"\n")
            pipe.write(lines)
            pipe.flush()
        pipe.close()
        assert process.stdout.read().count(b"\n") == lines.count(b"\n")
        assert process.wait(LIMIT) == 0
        late.cancel()


def test_items_taken_ahead_are_bounded(allowed: int) -> None:
    taken, finished, most = 0, 0, 0

    def items() -> Iterator[int]:
        nonlocal taken, most
        for number in range(50):
            taken += 1
            most = max(most, taken - finished)
            yield number

    for _ in in_order(abs, items(), alone=never):
        time.sleep(0.002)
        finished += 1
    assert finished == 50
    assert most <= (1 if allowed == 1 else allowed + AHEAD + 1)


class BrokenError(Exception):
    """Something went wrong."""


@pytest.mark.usefixtures("allowed")
def test_error_of_an_item_comes_after_earlier_results() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise BrokenError

    results = in_order(lambda number: time.sleep(0.02) or number, items(), alone=never)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(BrokenError):
        next(results)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("alone", [never, lambda _: True])
def test_error_of_work_comes_in_order_and_ends_iteration(alone) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10_000):
            taken.append(number)
            yield number

    def work(number: int) -> int:
        if number == 2:
            raise BrokenError
        return number

    results = in_order(work, items(), alone=alone)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(BrokenError):
        next(results)
    assert len(taken) < 20


@pytest.mark.usefixtures("allowed")
def test_abandoned_iteration_leaves_no_thread() -> None:
    before = threading.active_count()
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10_000)
        finally:
            closed.set()

    results = in_order(abs, items(), alone=never)
    assert next(results) == 0
    results.close()
    del results
    assert closed.wait(LIMIT)
    deadline = time.monotonic() + LIMIT
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


def test_available_threads_without_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    assert threads.available_threads() >= 1
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert threads.available_threads() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert threads.available_threads() == 1
