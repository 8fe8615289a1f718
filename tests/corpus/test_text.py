"""Text sources: units, blocks, pipes, names of files, and bytes that are not UTF-8."""

from __future__ import annotations

import os
import re
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokit.arrays import Block
from tokit.corpus import Corpus, open_corpus
from tokit.errors import CorpusError, TokitError, UsageError

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


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "text.txt"


# --- units


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
def test_a_line_is_a_document(file: Path, data: bytes, expected: list[bytes], open_end: bool) -> None:
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
def test_a_run_of_lines_is_a_document(
    file: Path, data: bytes, expected: list[bytes], open_end: bool, size: int
) -> None:
    file.write_bytes(data)
    blocks = list(open_corpus([str(file)], unit="blank", block_bytes=size).blocks())
    assert [document for block in blocks for document in block.documents()] == expected
    assert [block.open_end for block in blocks] == [False] * (len(blocks) - 1) + [open_end]


@pytest.mark.parametrize("data", [b"a\n\nb\n", b"\n", b"x"])
def test_a_file_is_a_document(file: Path, data: bytes) -> None:
    file.write_bytes(data)
    (block,) = open_corpus([str(file)], unit="file").blocks()
    assert list(block.documents()) == [data] and block.open_end


@pytest.mark.parametrize("unit", ["line", "blank", "file"])
def test_an_empty_file_has_no_documents(file: Path, unit: str) -> None:
    file.write_bytes(b"")
    assert list(open_corpus([str(file)], unit=unit).blocks()) == []


def slow_paragraphs(data: bytes) -> list[bytes]:
    """The definition, line by line."""
    found: list[list[bytes]] = [[]]
    for line in data.split(b"\n"):
        if line in (b"", b"\r"):
            found.append([])
        else:
            found[-1].append(line)
    return [b"\n".join(lines) for lines in found if lines]


@on_files
@given(data=TEXTS, size=SIZES)
def test_lines_give_the_file_back(file: Path, data: bytes, size: int) -> None:
    file.write_bytes(data)
    blocks = list(open_corpus([str(file)], block_bytes=size).blocks())
    assert written(blocks) == data
    assert all(len(block) for block in blocks)
    assert all(len(block.data) <= 2 * size or len(block) == 1 for block in blocks)
    assert all(block.data.dtype == np.uint8 and block.ends.dtype == np.int64 for block in blocks)
    assert all(int(block.ends[-1]) == len(block.data) for block in blocks)


@on_files
@given(data=TEXTS, size=SIZES)
def test_paragraphs_are_what_the_definition_says(file: Path, data: bytes, size: int) -> None:
    assert read(file, data, unit="blank", block_bytes=size) == slow_paragraphs(data)


@on_files
@given(data=TEXTS, size=SIZES)
def test_a_file_is_itself(file: Path, data: bytes, size: int) -> None:
    assert read(file, data, unit="file", block_bytes=size) == ([data] if data else [])


# --- blocks and limits


def test_a_document_larger_than_a_block_is_a_block_alone(file: Path) -> None:
    file.write_bytes(b"a\n" + b"x" * 50 + b"\nb\nc\n")
    blocks = [list(block.documents()) for block in open_corpus([str(file)], block_bytes=10).blocks()]
    assert [b"x" * 50] in blocks
    assert [document for block in blocks for document in block] == [b"a", b"x" * 50, b"b", b"c"]


@pytest.mark.parametrize("unit", ["line", "blank"])
def test_a_huge_line_takes_linear_time_and_memory(file: Path, unit: str) -> None:
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
def test_max_document_is_the_longest_that_passes(file: Path, unit: str, size: int) -> None:
    document = b"x" * 10
    assert read(file, document, unit=unit, max_document=10, block_bytes=size) == [document]
    with pytest.raises(CorpusError, match=r"text.txt:1: the document is longer than 9 bytes"):
        read(file, document, unit=unit, max_document=9, block_bytes=size)


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_long_document_is_named_by_its_line(file: Path, size: int) -> None:
    with pytest.raises(CorpusError, match=r"text.txt:3: "):
        read(file, b"a\n\nlong line\nb\n", max_document=8, block_bytes=size)
    with pytest.raises(CorpusError, match=r"text.txt:4: "):
        read(file, b"a\n\n\nlong\nlines\n\nb\n", unit="blank", max_document=8, block_bytes=size)


def test_a_long_document_is_not_read_to_its_end(file: Path) -> None:
    with file.open("wb") as out:
        out.truncate(1 << 30)
    corpus = open_corpus([str(file)], max_document=1 << 20, block_bytes=1 << 16)
    with pytest.raises(CorpusError, match="longer than"):
        documents(corpus)
    assert corpus.bytes_read < 3 << 20


# --- pipes


@pytest.mark.timeout(20)
def test_a_slow_pipe_is_answered_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_slow_fifo_is_answered_paragraph_by_paragraph(tmp_path: Path) -> None:
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


def test_a_fifo_is_spooled_too(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.txt"
    os.mkfifo(fifo)
    writer = threading.Thread(target=lambda: fifo.write_bytes(b"a\nb\n"))
    writer.start()
    with open_corpus([str(fifo)]).spooled() as corpus:
        assert documents(corpus) == documents(corpus) == [b"a", b"b"]
    writer.join()


def test_a_full_disk_while_spooling_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with standard_input(monkeypatch) as pipe, Path("/dev/full").open("wb", buffering=0) as full:
        monkeypatch.setattr("tempfile.NamedTemporaryFile", lambda **_: full)
        os.write(pipe, b"a\n")
        os.close(pipe)
        with pytest.raises(CorpusError, match=r"<stdin>: cannot be copied .*: no space left") as caught:
            open_corpus().spooled().__enter__()
    assert "TMPDIR" in caught.value.hint


# --- UTF-8


def test_a_bad_byte_is_named(file: Path) -> None:
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
def test_the_bad_byte_is_found_wherever_blocks_end(file: Path, data: bytes, size: int) -> None:
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

    replacing = open_corpus([str(file)], errors="replace", unit=unit, block_bytes=size)
    assert documents(replacing) == decoded
    assert (replacing.replaced, replacing.skipped) == (sum(bad), 0)

    skipping = open_corpus([str(file)], errors="skip", unit=unit, block_bytes=size)
    assert documents(skipping) == [document for document, each in zip(plain, bad, strict=True) if not each]
    assert (skipping.replaced, skipping.skipped) == (0, sum(bad))


def test_counters_start_over_with_each_reading(file: Path) -> None:
    file.write_bytes(b"\xff\nfine\n")
    corpus = open_corpus([str(file)], errors="replace")
    assert documents(corpus) == documents(corpus) == ["\ufffd".encode(), b"fine"]
    assert corpus.replaced == 1 and corpus.bytes_read == corpus.total_bytes == 7


def test_a_dropped_last_line_leaves_a_newline_before_it(file: Path) -> None:
    file.write_bytes(b"a\n\xff")
    blocks = list(open_corpus([str(file)], errors="skip").blocks())
    assert written(blocks) == b"a\n"


@pytest.mark.parametrize(("unit", "place"), [("file", "text.txt:3: "), ("blank", "text.txt:3: ")])
def test_a_bad_byte_in_a_longer_document_is_named_by_its_line(file: Path, unit: str, place: str) -> None:
    with pytest.raises(CorpusError, match=place + "byte 0xFF at offset 1 "):
        read(file, b"a\n\nb\xff\n", unit=unit, block_bytes=2)


# --- which files


def test_a_folder_gives_its_text_files_sorted(tmp_path: Path) -> None:
    for name in ("b.txt", "a/z.md", "a/.hidden.txt", ".git/c.txt", "plain", "x.bin", "a/d.jsonl", "e.txt.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n")
    names = [source.name for source in open_corpus([str(tmp_path)]).sources]
    assert names == [str(tmp_path / name) for name in ("a/d.jsonl", "a/z.md", "b.txt", "e.txt.gz", "plain")]


def test_a_folder_without_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"")
    with pytest.raises(CorpusError, match="holds no file of a known format"):
        open_corpus([str(tmp_path)])


def test_globs_and_literal_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.txt", "a.txt", "[a].txt", "c.py"):
        Path(name).write_bytes(name.encode())
    assert [source.name for source in open_corpus(["?.txt"]).sources] == ["a.txt", "b.txt"]
    assert documents(open_corpus(["[a].txt"])) == [b"[a].txt"]
    assert documents(open_corpus(["*.py"])) == [b"c.py"]
    with pytest.raises(CorpusError, match="no file matches"):
        open_corpus(["*.rs"])


def test_a_missing_file_names_its_neighbors(tmp_path: Path) -> None:
    (tmp_path / "corpus.txt").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"corpsu.txt: no such file") as caught:
        open_corpus([str(tmp_path / "corpsu.txt")])
    assert "corpus.txt" in caught.value.hint


def test_a_dangling_link_and_a_closed_file_are_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "gone")
    with pytest.raises(CorpusError, match=r"link.txt: no such file"):
        open_corpus([str(tmp_path / "link.txt")])
    (tmp_path / "shut.txt").write_bytes(b"a")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(CorpusError, match=r"shut.txt: permission denied"):
        open_corpus([str(tmp_path / "shut.txt")])


def test_a_file_that_goes_away_is_an_error(file: Path) -> None:
    file.write_bytes(b"a")
    corpus = open_corpus([str(file)])
    file.unlink()
    with pytest.raises(CorpusError, match=r"text.txt: no such file"):
        list(corpus.sources[0].blocks())


def test_a_folder_where_a_file_was_is_an_error(file: Path) -> None:
    file.write_bytes(b"a")
    corpus = open_corpus([str(file)])
    file.unlink()
    file.mkdir()
    with pytest.raises(CorpusError, match=r"text.txt: is a directory"):
        documents(corpus)


def test_files_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "abc":
        Path(name).write_bytes(name.encode())
    Path("list").write_bytes(b"b\r\n\nc")
    assert documents(open_corpus(["a"], files_from="list")) == [b"a", b"b", b"c"]
    Path("list").write_bytes(b"\n")
    with pytest.raises(CorpusError, match="names no file"):
        open_corpus(files_from="list")
    with pytest.raises(CorpusError, match="lits: no such file"):
        open_corpus(files_from="lits")
    with standard_input(monkeypatch) as pipe:
        os.write(pipe, b"c\nb\n")
        os.close(pipe)
        assert documents(open_corpus(files_from="-")) == [b"c", b"b"]


def test_standard_input_twice_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(["-", "-"])
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(["-"], files_from="-")
    (tmp_path / "list").write_bytes(b"-\n-\n")
    with pytest.raises(UsageError, match="named twice"):
        open_corpus(files_from=str(tmp_path / "list"))


def test_uris(tmp_path: Path) -> None:
    (tmp_path / "a b.txt").write_bytes(b"x")
    assert documents(open_corpus([f"file://{tmp_path}/a%20b.txt"])) == [b"x"]
    for uri in ("s3://bucket/key", "https://host/file.txt", "file://host/x"):
        with pytest.raises(TokitError, match="'remote'"):
            open_corpus([uri])


def test_an_empty_name_does_not_mean_this_folder() -> None:
    with pytest.raises(CorpusError, match="empty"):
        open_corpus([""])


# --- options


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"unit": "lin"}, "did you mean 'line'?"),
        ({"errors": "replcae"}, "did you mean 'replace'?"),
        ({"format": "jsnol"}, "did you mean 'jsonl'?"),
        ({"field": "body"}, "--format jsonl"),
        ({"format": "jsonl", "unit": "file"}, "leave --unit out"),
        ({"max_document": 0}, ""),
        ({"max_document": 1 << 31}, ""),
    ],
)
def test_options_that_cannot_be_meant(file: Path, options: dict[str, str], hint: str) -> None:
    file.write_bytes(b"")
    with pytest.raises(UsageError) as caught:
        open_corpus([str(file)], **options)  # type: ignore[arg-type]
    assert hint in caught.value.hint


def test_total_bytes_is_known_for_plain_files_only(file: Path, tmp_path: Path) -> None:
    file.write_bytes(b"12345")
    assert open_corpus([str(file), str(file)]).total_bytes == 10
    assert open_corpus().total_bytes is None
    (tmp_path / "x.gz").write_bytes(b"")
    assert open_corpus([str(file), str(tmp_path / "x.gz")]).total_bytes is None


def test_importing_the_package_is_light() -> None:
    import subprocess

    heavy = ("pyarrow", "zstandard", "gensim", "typer", "rich", "tokenizers")
    code = f"import sys, tokit.corpus; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
