"""Numba kernels: arrays in, arrays out.

`compiled.loader.kernel(name)` loads machine code that was compiled once on this machine, so that a command that runs a
kernel does not import Numba. `layout` and `dispatch` need no Numba either; all other modules are sources, imported only
to compile them.
"""

from __future__ import annotations

from collections.abc import Callable

_listeners: list[Callable[[str], None]] = []


def listen(notice: Callable[[str], None]) -> None:
    """Have `notice` called with a sentence before kernels are compiled; it replaces an earlier one."""
    _listeners[:] = [notice]


def announce(sentence: str) -> None:
    """Pass a sentence to the listener."""
    for notice in _listeners:
        notice(sentence)
