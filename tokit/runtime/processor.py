"""The processor as the system describes it."""

from __future__ import annotations

# Longer than the entry of one processor.
HEAD_BYTES = 1 << 13


def processor_description() -> str:
    """The first processor's entry in /proc/cpuinfo; "" on a system without that file."""
    try:
        # Only the beginning is read: each of many processors has an entry.
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:  # noqa: PTH123 - no way to read a part
            return file.read(HEAD_BYTES).partition("\n\n")[0]
    except OSError:
        return ""
