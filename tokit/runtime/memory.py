"""Memory: how much this process may still take, and giving back what it holds for later."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
# Versions 2 and 1 of control groups: folder, limit, use, and which part of the use is given back when needed.
GROUPS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)

# Of mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# The largest threshold that it takes on 64 bits; what is larger than that is always new.
LARGEST_MMAP_THRESHOLD, LARGEST_TRIM_THRESHOLD = 1 << 25, 1 << 30


def free_memory() -> int | None:
    """Bytes that can be taken without pushing anything out; None where that cannot be told."""
    return min((*_free_of_machine(), *_free_of_groups()), default=None)


def give_back() -> None:
    """Have the C library return what it keeps for later; where it cannot, nothing happens.

    It keeps the blocks of a corpus, which come and go on several threads, and the next stage would come on top.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_memory() -> None:
    """Have the C library keep what is returned to it, where it can: `give_back` returns it to the system.

    Else each large array is new pages, which the system fills with zeros: a tenth of the time of a training.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
        library.mallopt(M_TRIM_THRESHOLD, LARGEST_TRIM_THRESHOLD)


def _free_of_machine() -> Iterator[int]:
    fields = _fields(Path("/proc/meminfo"))
    if "MemAvailable:" in fields:
        yield 1024 * fields["MemAvailable:"]


def _free_of_groups() -> Iterator[int]:
    """What is left to the groups of this process that have a limit."""
    for controller, limit_name, use_name, spare_name in GROUPS:
        for place in ("", _own_group(controller)):
            folder = ROOT / controller / place
            limit, use = _number(folder / limit_name), _number(folder / use_name)
            if limit is not None and use is not None:
                yield max(limit - use + _fields(folder / "memory.stat").get(spare_name, 0), 0)


def _own_group(controller: str) -> str:
    """The path of this process's group below the root; "" when it is the root."""
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == controller:
            return path.strip("/")
    return ""


def _fields(path: Path) -> dict[str, int]:
    """The first number of each line by its first word."""
    rows = [line.split() for line in _text(path).splitlines()]
    return {row[0]: int(row[1]) for row in rows if len(row) > 1 and row[1].isdecimal()}


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdecimal() else None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except OSError:
        return ""
