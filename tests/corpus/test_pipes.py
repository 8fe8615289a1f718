"""Pipes and standard input: slow ones, and reading them twice."""

from __future__ import annotations

import os
import sys
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.corpora import SIZES, TEXTS, documents, on_files, read, standard_input, written
from tokit.corpus import Corpus, open_corpus
from tokit.errors import CorpusError


@pytest.mark.timeout(20)
def test_slow_pipe_is_answered_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as pipe:
        blocks = open_corpus().blocks()
        os.write(pipe, b"a\nb\npart")
        assert list(next(blocks).documents()) == [b"a", b"b"]
        os.write(pipe, b"ial\n")
        assert list(next(blocks).documents()) == [b"partial"]
        os.write(pipe, b"end")
        os.close(pipe)
        last = next(blocks)
        assert list(last.documents()) == [b"end"] and last.open_end
        assert next(blocks, None) is None


@pytest.mark.timeout(20)
def test_slow_fifo_is_answered_paragraph_by_paragraph(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writing = os.open(fifo, os.O_RDWR)
    try:
        blocks = open_corpus([str(fifo)], unit="blank").blocks()
        os.write(writing, b"a\nb\n\nc")
        assert list(next(blocks).documents()) == [b"a\nb"]
    finally:
        os.close(writing)


@settings(on_files, max_examples=60)
@given(data=TEXTS, cuts=st.lists(st.integers(0, 60), max_size=6), size=SIZES, unit=st.sampled_from(["line", "blank"]))
def test_pieces_of_a_pipe_make_no_difference(file: Path, data: bytes, cuts: list[int], size: int, unit: str) -> None:
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    with pytest.MonkeyPatch.context() as patch, standard_input(patch) as pipe:

        def feed() -> None:
            for start, end in pairwise(bounds):
                os.write(pipe, data[start:end])
            os.close(pipe)

        writer = threading.Thread(target=feed)
        writer.start()
        piped = list(open_corpus(["-"], unit=unit, block_bytes=size).blocks())
        writer.join()
    assert [d for block in piped for d in block.documents()] == read(file, data, unit=unit)
    if unit == "line":
        assert written(piped) == data


def test_standard_input_without_a_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a\nb")))
    assert documents(open_corpus()) == [b"a", b"b"]


def test_standard_input_can_be_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with standard_input(monkeypatch) as pipe:
        os.write(pipe, b"a\n")
        os.close(pipe)
        corpus = open_corpus()
        assert documents(corpus) == [b"a"]
        with pytest.raises(RuntimeError, match="spooled"):
            documents(corpus)


@pytest.mark.parametrize("failure", [None, ValueError, KeyboardInterrupt])
def test_spooled_standard_input_is_read_again_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, file: Path, failure: type[BaseException] | None
) -> None:
    file.write_bytes(b"file\n")
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))

    def work(corpus: Corpus) -> None:
        with corpus.spooled() as again:
            assert [source.name for source in again.sources] == [str(file), "<stdin>"]
            assert documents(again) == documents(again) == [b"file", b"b"]
            assert again.skipped == 1
            assert len(list(folder.iterdir())) == 1
            if failure is not None:
                raise failure

    with standard_input(monkeypatch) as pipe:
        os.write(pipe, b"\xff\nb")
        os.close(pipe)
        corpus = open_corpus([str(file), "-"], errors="skip")
        if failure is None:
            work(corpus)
        else:
            with pytest.raises(failure):
                work(corpus)
    assert list(folder.iterdir()) == []


def test_fifo_is_spooled_too(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.txt"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(b"a\nb\n"))
    writer.start()
    with open_corpus([str(fifo)]).spooled() as corpus:
        assert documents(corpus) == documents(corpus) == [b"a", b"b"]
    writer.join()


def test_full_disk_while_spooling_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    # A name of its own: the temporary file is removed by its name.
    (tmp_path / "full").symlink_to("/dev/full")
    with standard_input(monkeypatch) as pipe, (tmp_path / "full").open("wb", buffering=0) as full:
        monkeypatch.setattr("tempfile.NamedTemporaryFile", lambda **_: full)
        os.write(pipe, b"a\n")
        os.close(pipe)
        with pytest.raises(CorpusError, match=r"<stdin>: cannot be copied .*: no space left") as caught:
            open_corpus().spooled().__enter__()
    assert "TMPDIR" in caught.value.hint
    assert not (tmp_path / "full").is_symlink()
    assert Path("/dev/full").exists()
