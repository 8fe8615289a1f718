"""One measurement, in a process of its own: `python -m tests.bench.child MODE PEER TASK.json [OUT]`.

MODE is `whole` (do the job and write the result into OUT; the parent holds the watch) or `inside` (do it three times
and say how long each took). One JSON line on standard output tells the parent.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from tests.bench.peers import work_of
from tests.bench.task import Task, Work

CALLS = 3


def main(mode: str, peer: str, path: str, out: str = "") -> None:
    """Measure, and print."""
    task = Task.load(path)
    kind = work_of(peer, task.job)
    if kind is None:
        raise SystemExit(f"{peer} has no {task.job}")
    work = kind(task)
    answer: dict[str, Any] = {"peer": peer}
    if mode == "whole":
        work.whole(out)
    else:
        answer |= inside(work)
    # The library may have printed; the last line is ours.
    print(f"\n{json.dumps(answer)}", flush=True)


def inside(work: Work) -> dict[str, list[float]]:
    """Seconds of each call, and the process's peak of memory (in bytes) after each."""
    seconds, peaks = [], []
    for _ in range(CALLS):
        started = time.perf_counter()
        work.inside()
        seconds.append(time.perf_counter() - started)
        peaks.append(float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
    return {"seconds": seconds, "peaks": peaks}


if __name__ == "__main__":
    main(*sys.argv[1:])
