"""Documents of text: lines, runs of lines, whole files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from tests.support.corpora import SIZES, TEXTS, on_files, read, slow_paragraphs, written
from tokit.corpus import open_corpus


@pytest.mark.parametrize(
    ("data", "expected", "open_end"),
    [
        (b"a\nb\n", [b"a", b"b"], False),
        (b"a\nb", [b"a", b"b"], True),
        (b"\n", [b""], False),
        (b"\n\na", [b"", b"", b"a"], True),
        (b"a\r\nb\rc\n", [b"a\r", b"b\rc"], False),
        (b"\xef\xbb\xbfa\x00\n", [b"\xef\xbb\xbfa\x00"], False),
        ("a\u2028b\u0085c\x0b\x0c\n".encode(), ["a\u2028b\u0085c\x0b\x0c".encode()], False),
    ],
)
def test_line_is_a_document(file: Path, data: bytes, expected: list[bytes], open_end: bool) -> None:
    file.write_bytes(data)
    blocks = list(open_corpus([str(file)]).blocks())
    assert [document for block in blocks for document in block.documents()] == expected
    assert blocks[-1].open_end is open_end
    assert not any(block.open_end for block in blocks[:-1])


@pytest.mark.parametrize(
    ("data", "expected", "open_end"),
    [
        (b"a\nb\n\nc\n", [b"a\nb", b"c"], False),
        (b"\n\n\na\n\n\n\nb", [b"a", b"b"], True),
        (b"a\r\nb\r\n\r\nc\r\n", [b"a\r\nb\r", b"c\r"], False),
        (b"a\n \nb\n\r\r\nc\n", [b"a\n \nb\n\r\r\nc"], False),
        (b"\r\na\n\r", [b"a"], False),
        (b"a\r", [b"a\r"], True),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_run_of_lines_is_a_document(file: Path, data: bytes, expected: list[bytes], open_end: bool, size: int) -> None:
    file.write_bytes(data)
    blocks = list(open_corpus([str(file)], unit="blank", block_bytes=size).blocks())
    assert [document for block in blocks for document in block.documents()] == expected
    assert [block.open_end for block in blocks] == [False] * (len(blocks) - 1) + [open_end]


@pytest.mark.parametrize("data", [b"a\n\nb\n", b"\n", b"x"])
def test_file_is_a_document(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    (block,) = open_corpus([str(file)], unit="file").blocks()
    assert list(block.documents()) == [data] and block.open_end


@pytest.mark.parametrize("unit", ["line", "blank", "file"])
def test_empty_file_has_no_documents(file: Path, unit: str) -> None:
    file.write_bytes(b"")
    assert list(open_corpus([str(file)], unit=unit).blocks()) == []


@on_files
@given(data=TEXTS, size=SIZES)
def test_lines_joined_are_the_file(file: Path, data: bytes, size: int) -> None:
    file.write_bytes(data)
    blocks = list(open_corpus([str(file)], block_bytes=size).blocks())
    assert written(blocks) == data
    assert all(len(block) for block in blocks)
    assert all(len(block.data) <= 2 * size or len(block) == 1 for block in blocks)
    assert all(block.data.dtype == np.uint8 and block.ends.dtype == np.int64 for block in blocks)
    assert all(int(block.ends[-1]) == len(block.data) for block in blocks)


@on_files
@given(data=TEXTS, size=SIZES)
def test_paragraphs_equal_a_slow_definition(file: Path, data: bytes, size: int) -> None:
    assert read(file, data, unit="blank", block_bytes=size) == slow_paragraphs(data)


@on_files
@given(data=TEXTS, size=SIZES)
def test_whole_file_is_one_document(file: Path, data: bytes, size: int) -> None:
    assert read(file, data, unit="file", block_bytes=size) == ([data] if data else [])
