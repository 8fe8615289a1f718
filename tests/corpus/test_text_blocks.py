"""Blocks of text: their size, and documents that are too long."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from tests.support.corpora import documents, read
from tokit.corpus import open_corpus
from tokit.errors import CorpusError


def test_document_larger_than_a_block_is_a_block_alone(file: Path) -> None:
    file.write_bytes(b"a\n" + b"x" * 50 + b"\nb\nc\n")
    blocks = [list(block.documents()) for block in open_corpus([str(file)], block_bytes=10).blocks()]
    assert [b"x" * 50] in blocks
    assert [document for block in blocks for document in block] == [b"a", b"x" * 50, b"b", b"c"]


@pytest.mark.parametrize("unit", ["line", "blank"])
def test_huge_line_takes_linear_time_and_memory(file: Path, unit: str) -> None:
    # With quadratic joining 1,000 pieces of 32 KiB would copy 16 GB.
    size = 32 << 20
    file.write_bytes(b"x" * size + b"\n\nshort\n")
    tracemalloc.start()
    lengths = [len(d) for d in documents(open_corpus([str(file)], unit=unit, block_bytes=1 << 15)) if d]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert lengths == [size, 5]
    assert peak < 6 * size


def test_memory_does_not_grow_with_the_corpus(file: Path) -> None:
    file.write_bytes(b"some words in a line\n" * 400_000)
    tracemalloc.start()
    count = sum(len(block) for block in open_corpus([str(file)], block_bytes=1 << 16).blocks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 400_000
    assert peak < 2_000_000


@pytest.mark.parametrize("unit", ["line", "blank", "file"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_document_of_max_document_bytes_is_read(file: Path, unit: str, size: int) -> None:
    document = b"x" * 10
    assert read(file, document, unit=unit, max_document=10, block_bytes=size) == [document]
    with pytest.raises(CorpusError, match=r"text.txt:1: the document is longer than 9 bytes"):
        read(file, document, unit=unit, max_document=9, block_bytes=size)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_long_document_is_named_by_its_line(file: Path, size: int) -> None:
    with pytest.raises(CorpusError, match=r"text.txt:3: "):
        read(file, b"a\n\nlong line\nb\n", max_document=8, block_bytes=size)
    with pytest.raises(CorpusError, match=r"text.txt:4: "):
        read(file, b"a\n\n\nlong\nlines\n\nb\n", unit="blank", max_document=8, block_bytes=size)


def test_long_document_is_not_read_to_its_end(file: Path) -> None:
    with file.open("wb") as out:
        out.truncate(1 << 30)
    corpus = open_corpus([str(file)], max_document=1 << 20, block_bytes=1 << 16)
    with pytest.raises(CorpusError, match="longer than"):
        documents(corpus)
    assert corpus.bytes_read < 3 << 20
