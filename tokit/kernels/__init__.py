"""Numba kernels: arrays in, arrays out; nothing here opens a corpus or knows a class of ours.

`native.kernel(name)` is the way in. It loads machine code that was compiled once on this machine, so that a command
that runs a kernel does not import Numba. The other modules are the sources; they are imported only to compile.
"""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def listen(notice: Callable[[str], None]) -> None:
    """Have `notice` called with a sentence before kernels are compiled; it replaces the one before."""
    _listeners[:] = [notice]


def announce(sentence: str) -> None:
    """Say something to whoever listens."""
    for notice in _listeners:
        notice(sentence)
