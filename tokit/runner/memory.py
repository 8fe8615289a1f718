"""Memory that was freed, given back to the system between two stages of a job."""

from __future__ import annotations

import contextlib
import ctypes


def give_back() -> None:
    """Have the C library return what it keeps for later; where it cannot, nothing happens.

    It keeps the blocks of a corpus, which come and go on several threads, and the next stage would come on top.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
