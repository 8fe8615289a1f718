"""Limits that a shell sets on a process, which the program asks for before it imports anything else."""

from __future__ import annotations


def address_space_limit() -> int | None:
    """Bytes of address space that this process may have (`ulimit -v`); None for no limit."""
    try:
        import resource
    except ImportError:  # Windows has none.
        return None
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit
