"""Entry point of the program: what has to hold before anything large is imported.

Ctrl-C in the first moments ends it quietly; descriptors that the caller has closed are taken, so that no file gets
their numbers and nothing that is meant for people is written into it; and a limit on memory is said that the numeric
libraries would not survive.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

# What NumPy and its linear algebra need to start with one thread, and with several.
LEAST_MEMORY, MEMORY_FOR_THREADS = 192 << 20, 1 << 30
STDIN, STDOUT, STDERR = range(3)


def run() -> NoReturn:
    """The program: runs `sys.argv` and exits."""
    signal.signal(signal.SIGINT, _leave)
    signal.signal(signal.SIGTERM, _leave)
    take_descriptors()
    _check_memory()
    _speak_utf8()
    from tokit.cli.main import run as run_main

    run_main()


def _speak_utf8() -> None:
    """Start again in Python's UTF-8 mode where a locale or setting made names and arguments ASCII or Latin-1.

    https://docs.python.org/3/library/os.html#utf8-mode
    """
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode and os.name == "posix":
        os.execv(sys.executable, [sys.orig_argv[0], "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606 - ourselves


def take_descriptors() -> None:
    """Open closed standard descriptors on the null device, so that using one fails, or for messages does nothing."""
    for number, mode in ((STDIN, os.O_WRONLY), (STDOUT, os.O_RDONLY), (STDERR, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
    # Python has None for a stream whose descriptor was closed.
    if sys.stdout is None:
        sys.stdout = os.fdopen(STDOUT, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(STDERR, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def _leave(number: int, _frame: object) -> NoReturn:
    """End at a signal while the program is still being imported: there is nothing to clean up."""
    os.write(STDERR, b"error: interrupted\n" if number == signal.SIGINT else b"error: terminated\n")
    os._exit(128 + number)


def _check_memory() -> None:
    """Say that the address space is limited to less than the libraries need; they spin or abort without a word."""
    from tokit.runtime.address_space import address_space_limit

    limit = address_space_limit()
    if limit is None:
        return
    if limit < LEAST_MEMORY:
        text = (
            f"error: memory is limited to {limit >> 20} MiB (ulimit -v), and tokit needs {LEAST_MEMORY >> 20} to start"
        )
        os.write(
            STDERR, f"{text}\nhint: ulimit -v unlimited, or limit the resident memory by a control group\n".encode()
        )
        os._exit(1)
    if limit < MEMORY_FOR_THREADS:
        # Each of its threads takes address space of its own, and it waits without end for one that cannot start.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
