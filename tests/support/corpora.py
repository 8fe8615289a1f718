"""Helpers of tests that read a corpus: texts, documents, and a pipe as standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tokit.arrays import Block
from tokit.corpus import Corpus, open_corpus

# Few letters, so that empty lines, carriage returns and characters cut by block borders are common.
HOSTILE = st.lists(st.sampled_from(["\n", "\r", "\0", "a", "é", "日", "👩", "\ufeff", " "]), max_size=60)
TEXTS = st.one_of(HOSTILE.map("".join), st.text(st.characters(exclude_categories=["Cs"]), max_size=40)).map(str.encode)
SIZES = st.integers(1, 50)
on_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100, deadline=None)


def documents(corpus: Corpus) -> list[bytes]:
    return [document for block in corpus.blocks() for document in block.documents()]


def read(path: Path, data: bytes, **options: object) -> list[bytes]:
    path.write_bytes(data)
    return documents(open_corpus([str(path)], **options))  # type: ignore[arg-type]


def written(blocks: list[Block]) -> bytes:
    """What `cat` would need to print to give lines back."""
    return b"".join(
        b"\n".join(block.documents()) + (b"" if block.open_end else b"\n") for block in blocks if len(block)
    )


@contextmanager
def standard_input(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Standard input is a pipe; gives the end that is written to."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield writing


def slow_paragraphs(data: bytes) -> list[bytes]:
    """The definition, line by line."""
    found: list[list[bytes]] = [[]]
    for line in data.split(b"\n"):
        if line in (b"", b"\r"):
            found.append([])
        else:
            found[-1].append(line)
    return [b"\n".join(lines) for lines in found if lines]
