"""Compressed sources: the plain text, and errors for damage."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokit.corpus import Corpus, open_corpus
from tokit.errors import CorpusError, MissingExtraError

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
}
NOISE = os.urandom(200_000).hex().encode()
LINES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)).map("\n".join).map(str.encode)
on_files = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)


def documents(corpus: Corpus) -> list[bytes]:
    return [document for block in corpus.blocks() for document in block.documents()]


def make(tmp_path: Path, name: str, data: bytes) -> str:
    (tmp_path / name).write_bytes(data)
    return str(tmp_path / name)


@pytest.mark.parametrize("kind", COMPRESS)
@on_files
@given(
    members=st.lists(LINES, min_size=1, max_size=4), size=st.integers(1, 40), padding=st.sampled_from([b"", bytes(4)])
)
def test_members_equal_plain_text(tmp_path: Path, kind: str, members: list[bytes], size: int, padding: bytes) -> None:
    plain = make(tmp_path, "x.txt", b"".join(members))
    padded = padding if kind in ("gz", "xz") else b""
    packed = make(tmp_path, f"x.txt.{kind}", b"".join(COMPRESS[kind](member) + padded for member in members))
    ours, theirs = open_corpus([packed], block_bytes=size), open_corpus([plain], block_bytes=size)
    assert [(list(b.documents()), b.open_end) for b in ours.blocks()] == [
        (list(b.documents()), b.open_end) for b in theirs.blocks()
    ]


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("data", [NOISE, b"a\n" * 1_500_000], ids=["noise", "runs"])
def test_much_data_with_few_and_many_bytes_a_piece(tmp_path: Path, kind: str, data: bytes) -> None:
    path = make(tmp_path, f"x.{kind}", COMPRESS[kind](data))
    corpus = open_corpus([path], unit="file")
    assert documents(corpus) == [data]
    assert corpus.bytes_read == Path(path).stat().st_size
    # Only compressed: not a size that says how far reading is.
    assert corpus.total_bytes is None


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("share", [0.0001, 0.3, 0.9, 1])
def test_truncated_data_is_an_error(tmp_path: Path, kind: str, share: float) -> None:
    packed = COMPRESS[kind](NOISE)
    path = make(tmp_path, f"x.{kind}", packed[: max(1, int(share * (len(packed) - 1)))])
    with pytest.raises(CorpusError, match=rf"x.{kind}: the {kind} data is truncated"):
        documents(open_corpus([path]))


@pytest.mark.parametrize("kind", COMPRESS)
def test_truncated_second_member_is_an_error(tmp_path: Path, kind: str) -> None:
    whole = COMPRESS[kind](b"first\n")
    path = make(tmp_path, f"x.{kind}", whole + COMPRESS[kind](NOISE)[:-5])
    blocks = open_corpus([path], block_bytes=8).blocks()
    assert list(next(blocks).documents()) == [b"first"]
    with pytest.raises(CorpusError, match="truncated"):
        list(blocks)


def test_members_may_lie_far_apart(tmp_path: Path) -> None:
    path = make(tmp_path, "x.gz", gzip.compress(b"a\n") + bytes(200_000) + gzip.compress(b"b\n") + bytes(200_000))
    assert documents(open_corpus([path])) == [b"a", b"b"]


@pytest.mark.parametrize("kind", COMPRESS)
def test_damaged_data_is_an_error(tmp_path: Path, kind: str) -> None:
    packed = bytearray(COMPRESS[kind](NOISE))
    packed[6:400] = b"\xff" * 394
    path = make(tmp_path, f"x.{kind}", bytes(packed))
    with pytest.raises(CorpusError, match=rf"x.{kind}: not {kind} data, or damaged") as caught:
        documents(open_corpus([path]))
    assert " -t" in caught.value.hint


@pytest.mark.parametrize("kind", COMPRESS)
@pytest.mark.parametrize("content", [b"this is no compressed text\n" * 3, b"a", b'{"text": "a"}\n', "北京".encode()])
def test_plain_text_of_a_compressed_name_is_said_to_be_plain(tmp_path: Path, kind: str, content: bytes) -> None:
    with pytest.raises(CorpusError, match=f"not compressed, though named or given as {kind}") as caught:
        documents(open_corpus([make(tmp_path, f"x.{kind}", content)]))
    assert "without that extension" in caught.value.hint


def test_zst_may_begin_with_a_frame_that_is_skipped(tmp_path: Path) -> None:
    skipped = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    assert documents(open_corpus([make(tmp_path, "x.zst", skipped + zstandard.compress(b"a\n"))])) == [b"a"]


def test_wrong_checksum_is_an_error(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b"some text\n"))
    packed[-6] ^= 1
    with pytest.raises(CorpusError, match="damaged"):
        documents(open_corpus([make(tmp_path, "x.gz", bytes(packed))]))


@pytest.mark.parametrize("kind", COMPRESS)
def test_empty_compressed_file_has_no_documents(tmp_path: Path, kind: str) -> None:
    assert documents(open_corpus([make(tmp_path, f"a.{kind}", b"")])) == []
    assert documents(open_corpus([make(tmp_path, f"b.{kind}", COMPRESS[kind](b""))])) == []


@pytest.mark.parametrize("kind", COMPRESS)
def test_format_comes_from_the_inner_extension(tmp_path: Path, kind: str) -> None:
    path = make(tmp_path, f"x.jsonl.{kind.upper()}", COMPRESS[kind](b'{"text": "a"}\n'))
    assert documents(open_corpus([path])) == [b"a"]
    assert documents(open_corpus([path], format="text")) == [b'{"text": "a"}']
    other = make(tmp_path, "plain", COMPRESS[kind](b'{"text": "a"}\n'))
    assert documents(open_corpus([other], format=f"jsonl.{kind}")) == [b"a"]


def test_compressed_table_is_unpacked_first(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "x.parquet")
    path = make(tmp_path, "x.parquet.gz", gzip.compress((tmp_path / "x.parquet").read_bytes()))
    assert documents(open_corpus([path])) == [b"a", b"b"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", COMPRESS)
def test_compressed_pipe_in_single_bytes(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    reading, writing = os.pipe()
    packed = COMPRESS[kind](b"a\n\xc3\xa9\n" * 50)

    def feed() -> None:
        for byte in packed:
            os.write(writing, bytes([byte]))
        os.close(writing)

    writer = threading.Thread(target=feed)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        writer.start()
        assert documents(open_corpus(format=f"text.{kind}")) == [b"a", b"\xc3\xa9"] * 50
        writer.join()


@pytest.mark.timeout(20)
def test_slow_compressed_pipe_is_answered_when_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        blocks = open_corpus(format="text.gz").blocks()
        os.write(writing, gzip.compress(b"a\n"))
        assert list(next(blocks).documents()) == [b"a"]
        os.write(writing, gzip.compress(b"b\n"))
        assert list(next(blocks).documents()) == [b"b"]
        os.close(writing)
        assert list(blocks) == []


@pytest.mark.parametrize(("kind", "tool"), [("gz", "zcat"), ("bz2", "bzcat"), ("xz", "xzcat"), ("zst", "zstdcat")])
def test_compressed_bytes_read_as_text_name_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, tool: str
) -> None:
    packed = COMPRESS[kind](NOISE)
    with pytest.raises(CorpusError, match="is not UTF-8") as caught:
        documents(open_corpus([make(tmp_path, "x.txt", packed)]))
    assert f"{tool} " in caught.value.hint
    with (tmp_path / "x.txt").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(CorpusError) as piped:
            documents(open_corpus())
    assert f"`{tool} |`" in piped.value.hint


def test_missing_zstandard_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make(tmp_path, "x.zst", zstandard.compress(b"a"))
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(MissingExtraError, match="the extra 'data'"):
        documents(open_corpus([path]))
