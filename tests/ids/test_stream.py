"""Stream of ids: every token is read back, in order, and counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokit.arrays import Ids
from tokit.ids import stream
from tokit.ids.stream import IdStream, StreamWriter

DOCUMENTS = st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=12)


def written(blocks: list[list[list[int]]], vocab_size: int) -> tuple[IdStream, StreamWriter]:
    with StreamWriter(vocab_size) as writer:
        for block in blocks:
            writer.add(Ids.of(block))
        return writer.mapped(), writer


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(blocks=st.lists(DOCUMENTS, max_size=4), longest=st.integers(1, 5), chunk=st.integers(1, 30))
def test_stream_holds_every_token(
    monkeypatch: pytest.MonkeyPatch, blocks: list[list[list[int]]], longest: int, chunk: int
) -> None:
    monkeypatch.setattr(stream, "CHUNK_TOKENS", chunk)
    ids, _ = written(blocks, 10)
    documents = [document for block in blocks for document in block]
    expected = [
        document[start : start + longest] for document in documents for start in range(0, len(document), longest)
    ]
    assert list(ids.sentences(longest)) == expected
    assert len(ids.ends) == len(documents)


@given(blocks=st.lists(DOCUMENTS, max_size=4))
def test_counts_are_those_of_a_slow_count(blocks: list[list[list[int]]]) -> None:
    _, writer = written(blocks, 10)
    documents = [document for block in blocks for document in block]
    tokens = Counter(i for document in documents for i in document)
    containing = Counter(i for document in documents for i in set(document))
    assert writer.token_counts.tolist() == [tokens[i] for i in range(10)]
    assert writer.document_frequencies.tolist() == [containing[i] for i in range(10)]


@pytest.mark.parametrize(("vocab_size", "dtype"), [(65_536, "uint16"), (65_537, "uint32")])
def test_largest_id_fits(vocab_size: int, dtype: str) -> None:
    ids, _ = written([[[vocab_size - 1, 0]]], vocab_size)
    assert ids.data.dtype == dtype
    assert list(ids.sentences(10)) == [[vocab_size - 1, 0]]
    assert all(type(i) is int for sentence in ids.sentences(10) for i in sentence)


def mapped_bytes() -> int:
    """Of files, resident in this process."""
    said = Path("/proc/self/status").read_text("utf-8")
    return 1024 * int(said.partition("RssFile:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux says what is resident")
def test_pages_of_a_part_are_returned_to_the_system() -> None:
    written_ids = np.random.default_rng(0).integers(0, 1000, 1 << 22)
    with StreamWriter(1000) as writer:
        writer.add(Ids(written_ids.astype(np.uint32), np.array([len(written_ids)])))
        ids = writer.mapped()
    before = mapped_bytes()
    starts = range(0, len(written_ids), 50_000)
    parts = [ids.part(start, min(start + 50_000, len(written_ids))) for start in starts]
    held = mapped_bytes() - before
    assert np.array_equal(np.concatenate(parts), written_ids)
    # All of it would be 8 MB, as it is when it is read by other ways.
    assert held < 1 << 20
    assert ids.data.max() == 999 and mapped_bytes() - before > 1 << 22
