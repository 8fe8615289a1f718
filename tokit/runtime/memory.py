"""Free memory of this process, and control over what the C library keeps.

Two jobs need it. Counting and encoding size their tables by the memory that is free, and in a container that is the
limit of its control group, which neither the machine's free memory nor Python tells; systems have version 1 or 2 of
control groups, and a process lies in nested ones; a shell may limit the address space. And glibc keeps freed blocks, so
that the next stage would come on top of the last one's peak, or returns them at once, so that each large array is made
of new pages; `malloc_trim(3)` and `mallopt(3)` decide between the two. Outside Linux, or with another C library, all of
it does nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

from tokit.runtime.address_space import address_space_limit

ROOT = Path("/sys/fs/cgroup")
# Control groups, versions 2 and 1: folder, limit, usage, and the part of the usage that can be reclaimed.
GROUPS = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)

# Of mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
# The largest mmap threshold on 64 bits; larger arrays always get new pages.
LARGEST_MMAP_THRESHOLD, LARGEST_TRIM_THRESHOLD = 1 << 25, 1 << 30


def free_memory() -> int | None:
    """Bytes that can be allocated without swapping; None where that is unknown."""
    return min((*_free_of_machine(), *_free_of_groups(), *_free_of_address_space()), default=None)


def give_back() -> None:
    """Have the C library return freed memory to the system, where it can.

    It keeps the blocks of a corpus, which come and go on several threads, and the next stage would add to them.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_memory() -> None:
    """Have the C library keep freed memory, where it can; `give_back` returns it to the system.

    Otherwise each large array is made of new pages, which the system fills with zeros: a tenth of the training time.
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
    """Free bytes of each control group of this process that has a limit."""
    for controller, limit_name, usage_name, reclaimable_name in GROUPS:
        for place in ("", _own_group(controller)):
            folder = ROOT / controller / place
            limit, usage = _number(folder / limit_name), _number(folder / usage_name)
            if limit is not None and usage is not None:
                yield max(limit - usage + _fields(folder / "memory.stat").get(reclaimable_name, 0), 0)


def _free_of_address_space() -> Iterator[int]:
    """Bytes that may still be mapped where the address space is limited; what a thread reserves counts, too."""
    limit, sizes = address_space_limit(), _text(Path("/proc/self/statm")).split()
    if limit is not None and sizes:
        yield max(limit - int(sizes[0]) * mmap.PAGESIZE, 0)


def _own_group(controller: str) -> str:
    """The path of this process's group below the root; "" for the root."""
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
