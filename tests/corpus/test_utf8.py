"""Text that is not UTF-8: errors that name the byte, replaced and skipped documents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.corpora import SIZES, documents, on_files, read, slow_paragraphs, written
from tokit.corpus import open_corpus
from tokit.errors import CorpusError


def test_bad_byte_is_named(file: Path) -> None:
    with pytest.raises(CorpusError) as caught:
        read(file, b"fine\ncaf\xe9\nfine\n")
    assert caught.value.message == f"{file}:2: byte 0xE9 at offset 3 of the line is not UTF-8"
    assert "--errors replace" in caught.value.hint and "iconv" in caught.value.hint


def test_characters_across_the_window_of_the_check(file: Path) -> None:
    data = "aé日👩".encode() * 100_000
    assert read(file, data) == [data]
    with pytest.raises(CorpusError, match="byte 0xFF at offset 1000000 of"):
        read(file, data + b"\xff")


@on_files
@given(
    data=st.lists(st.sampled_from([b"a", b"\n", b"\xc3", b"\xa9", b"\xf0\x9f", b"\xff"]), max_size=20).map(b"".join),
    size=SIZES,
)
def test_bad_byte_is_found_wherever_blocks_end(file: Path, data: bytes, size: int) -> None:
    expected = None
    for number, line in enumerate(data.split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            expected = f"{file}:{number}: byte 0x{line[error.start]:02X} at offset {error.start} of the line"
            break
    if expected is None:
        assert read(file, data, block_bytes=size) == data.split(b"\n")[: None if data[-1:] not in (b"\n", b"") else -1]
        return
    with pytest.raises(CorpusError, match=re.escape(expected)):
        read(file, data, block_bytes=size)


@on_files
@given(data=st.binary(max_size=60), size=SIZES, unit=st.sampled_from(["line", "file", "blank"]))
def test_replace_and_skip_count_documents(file: Path, data: bytes, size: int, unit: str) -> None:
    file.write_bytes(data)
    plain = {
        "line": data.split(b"\n")[: -1 if data.endswith(b"\n") or not data else None],
        "file": [data] if data else [],
        "blank": slow_paragraphs(data),
    }[unit]
    decoded = [document.decode("utf-8", "replace").encode() for document in plain]
    bad = [document != other for document, other in zip(plain, decoded, strict=True)]

    replacing = open_corpus([str(file)], format="text", errors="replace", unit=unit, block_bytes=size)
    assert documents(replacing) == decoded
    assert (replacing.replaced, replacing.skipped) == (sum(bad), 0)

    skipping = open_corpus([str(file)], format="text", errors="skip", unit=unit, block_bytes=size)
    assert documents(skipping) == [document for document, each in zip(plain, bad, strict=True) if not each]
    assert (skipping.replaced, skipping.skipped) == (0, sum(bad))


def test_counters_restart_with_each_pass(file: Path) -> None:
    file.write_bytes(b"\xff\nfine\n")
    corpus = open_corpus([str(file)], errors="replace")
    assert documents(corpus) == documents(corpus) == ["\ufffd".encode(), b"fine"]
    assert corpus.replaced == 1 and corpus.bytes_read == corpus.total_bytes == 7


def test_dropped_last_line_leaves_a_newline_before_it(file: Path) -> None:
    file.write_bytes(b"a\n\xff")
    blocks = list(open_corpus([str(file)], errors="skip").blocks())
    assert written(blocks) == b"a\n"


@pytest.mark.parametrize(("unit", "place"), [("file", "text.txt:3: "), ("blank", "text.txt:3: ")])
def test_bad_byte_in_a_longer_document_is_named_by_its_line(file: Path, unit: str, place: str) -> None:
    with pytest.raises(CorpusError, match=place + "byte 0xFF at offset 1 "):
        read(file, b"a\n\nb\xff\n", unit=unit, block_bytes=2)
