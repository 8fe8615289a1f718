"""The peers. A new peer is a file here, with its `WORKS`, and a line in `PEERS`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from tests.bench.task import Work

# Name, which is that of its module → the distribution that brings it.
PEERS = {
    "tokit": "tokit",
    "gigatoken": "gigatoken",
    "tokie": "tokie",
    "snaptokens": "snaptokens",
    "splintr": "splintr-rs",
    "gigabpe": "gigabpe",
    "rustbpe": "rustbpe",
    "bpeasy": "bpeasy",
    "tiktoken": "tiktoken",
    "tokenizers": "tokenizers",
    "regex": "regex",
}


def work_of(peer: str, job: str) -> type[Work] | None:
    """Work of a peer for a job; None when it has none. The library itself is not imported."""
    works: dict[str, type[Work]] = import_module(f"tests.bench.peers.{peer}").WORKS
    return works.get(job)


def installed(peer: str) -> bool:
    """True when the library can be imported."""
    return find_spec(peer) is not None
