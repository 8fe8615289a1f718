"""A run of the bench as one JSON document: the machine, the versions, every single time."""

from __future__ import annotations

import os
import platform
import resource
import statistics
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tests.bench.peers import PEERS, work_of
from tests.bench.session import COMPILE, MEANING, OURS, ROWS, START, Series, Session


def document(session: Session, left_out: list[str]) -> dict[str, Any]:
    """The results as a document to save.

    Args:
        session: After its measurements.
        left_out: Peers that take no part because they are not installed.
    """
    options = session.options
    return {
        "job": options.job,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(options.peers),
        "corpus": {"name": options.corpus.name, "bytes": session.sizes["full"]},
        "vocab_size": options.vocab_size,
        "rounds": options.rounds,
        "threads": options.threads,
        "not_installed": left_out,
        "meaning": MEANING,
        "rows": [row(series, session) for series in _sorted(session)],
        "identity": session.identity(),
        "notes": {peer: kind.note for peer in options.peers if (kind := work_of(peer, options.job)) and kind.note},
        "remarks": session.remarks,
        # A child's peak cannot be seen below this.
        "bench_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def machine() -> dict[str, Any]:
    """The machine."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        if line.startswith("model name")
    ]
    return {
        "platform": platform.platform(),
        "processor": models[0] if models else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
    }


def versions(peers: tuple[str, ...]) -> dict[str, str]:
    """Of the peers and of what computes for tokit."""
    found = {}
    for name in dict.fromkeys([*(PEERS[peer] for peer in peers), "numpy", "numba", "llvmlite", "awkward"]):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def row(series: Series, session: Session) -> dict[str, Any]:
    """One line of the table, and the times behind it."""
    seconds = statistics.median(series.rounds) if series.rounds else None
    rated = seconds is not None and series.row not in (START, COMPILE)
    ours = session.series.get((series.row, OURS))
    return {
        "row": series.row,
        "peer": series.peer,
        "bytes": series.size,
        "part": series.row not in (START, COMPILE) and series.size != session.sizes["full"],
        "seconds": series.seconds,
        "peak_bytes": series.peaks,
        "median_seconds": seconds,
        "mb_per_second": series.size / 1e6 / seconds if rated and seconds else None,
        "ratio": series.ratio(ours) if ours else None,
        "error": series.error,
        **({"behind": series.behind} if series.behind else {}),
    }


def _sorted(session: Session) -> list[Series]:
    """By row, then as the peers were given; without the rows that nothing is known of."""
    order = {peer: n for n, peer in enumerate(session.options.peers)}
    known = [series for series in session.series.values() if series.seconds or series.error]
    return sorted(known, key=lambda series: (ROWS.index(series.row), order[series.peer]))
