"""Starting processes, and what they took: wall-clock time and peak memory."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Some machines set these against a fault of one BLAS; they change what others run.
UNSET = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
TIMEOUT = 3600.0


class ChildError(Exception):
    """A child ended with an error; the message is the last line that it said."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A process that did its work.

    Attributes:
        seconds: From before it was started until it was gone.
        peak: Most memory resident at a time, bytes. Linux counts what its parent had when it started it.
        out: The last line of its standard output.
        processor: Seconds of all processors.
    """

    seconds: float
    peak: int
    out: str
    processor: float = 0.0


def environment(threads: int | None) -> dict[str, str]:
    """The environment of every child."""
    kept = {name: value for name, value in os.environ.items() if name not in UNSET}
    kept |= {"TOKENIZERS_PARALLELISM": "true", "TIKTOKEN_CACHE_DIR": ""}
    if threads is not None:
        kept |= dict.fromkeys(("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), str(threads))
    return kept


def run(command: list[str], env: Mapping[str, str], out: Path, *, timeout: float = TIMEOUT) -> Ran:
    """Run a command in the checkout; its standard output goes to `out`.

    Raises:
        ChildError: it failed, or took longer than `timeout` seconds.
    """
    said = out.with_name(f"{out.name}.stderr")
    with out.open("wb") as stdout, said.open("wb") as stderr:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, env=env, cwd=ROOT)
        killer = threading.Timer(timeout, process.kill)
        killer.daemon = True
        killer.start()
        try:
            # Popen.wait does not tell the memory.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - started
        finally:
            killer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise ChildError(_last_line(said) or f"ended with {process.returncode}")
    return Ran(seconds, usage.ru_maxrss * 1024, _last_line(out), usage.ru_utime + usage.ru_stime)


def _last_line(path: Path) -> str:
    """The last line that says something; the result of a job may be large and of one line."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        lines = file.read().decode("utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
