"""Word vectors as people download them: compressed, in archives, from a pipe, with broken rows, of old versions."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import pickle
import struct
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.packages import needs_gensim
from tokit.embedding.formats import READABLE, text_reader
from tokit.embedding.formats.base import VectorFile, WordVectors
from tokit.embedding.formats.detect import detect_format
from tokit.embedding.formats.source import VectorSource, open_source
from tokit.errors import ArtifactError, CorpusError, TokitError, UsageError

ROWS = [("the", [0.5, 1.5]), ("of", [-2.0, 0.25]), ("größe", [3.0, 4.0])]
TEXT = "".join(f"{word} {' '.join(map(repr, row))}\n" for word, row in ROWS).encode()
WORD2VEC = b"3 2\n" + TEXT
BINARY = b"3 2\n" + b"".join(word.encode() + b" " + np.array(row, dtype="<f4").tobytes() for word, row in ROWS)


def read(path: Path | str, name: str | None = None, member: str | None = None, **options: Any) -> WordVectors:
    with open_source(path, member) as source:
        return READABLE.get(name or detect_format(source)).read(VectorFile(source, **options))


def assert_read(got: WordVectors, rows: list[tuple[str, list[float]]] = ROWS) -> None:
    assert got.words == [word for word, _ in rows]
    np.testing.assert_array_equal(got.vectors, np.array([row for _, row in rows], dtype=np.float32))


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    compressed: bytes = pytest.importorskip("zstandard").ZstdCompressor().compress(content)
    return compressed


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": lambda content: gzip.compress(content, 1),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstd,
    "zip": lambda content: zipped(vectors=content),
    # Two layers, and members one after the other.
    "gz in zip": lambda content: zipped(vectors=gzip.compress(content)),
    "zip in gz": lambda content: gzip.compress(zipped(vectors=content)),
    "gz members": lambda content: gzip.compress(content[:9]) + gzip.compress(content[9:]),
}


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    def write(content: bytes, name: str = "vectors") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("packed", list(PACKERS))
@pytest.mark.parametrize("content", [TEXT, WORD2VEC, BINARY], ids=["glove", "word2vec", "binary"])
def test_compressed_files_are_read_as_plain_ones(file: Callable[..., Path], packed: str, content: bytes) -> None:
    assert_read(read(file(PACKERS[packed](content))))


def test_matrices_and_models_are_read_compressed(file: Callable[..., Path]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.eye(2, dtype=np.float32))
    words = file(b"a\nb\n", "words.txt")
    assert_read(read(file(gzip.compress(buffer.getvalue())), words=words), [("a", [1, 0]), ("b", [0, 1])])
    assert_read(read(file(bz2.compress(model()))), [("the", [1, 2]), ("of", [3, 4]), ("cat", [5, 6])])


def test_the_name_in_an_archive_says_the_format(file: Callable[..., Path]) -> None:
    for content, name in ((gzip.compress(WORD2VEC), "wiki.vec.gz"), (zipped(**{"wiki.vec": WORD2VEC}), "a.zip")):
        with open_source(file(content, name)) as source:
            assert detect_format(source) == "fasttext-vec"


def test_an_archive_of_several_files_asks_which(file: Callable[..., Path]) -> None:
    archive = file(zipped(**{"a/50d.txt": TEXT, "a/100d.txt": WORD2VEC, "README": b"read"}), "glove.zip")
    with pytest.raises(ArtifactError, match=r"2 files: a/50d.txt, a/100d.txt") as error:
        read(archive)
    assert error.value.hint == "--member a/50d.txt"
    for member in ("a/50d.txt", "50d.txt", "100d.txt"):
        assert_read(read(archive, member=member))
    with pytest.raises(UsageError, match=r"50\.txt"):
        read(archive, member="50.txt")
    with pytest.raises(UsageError, match="not a zip"):
        read(file(TEXT), member="50d.txt")


@pytest.mark.parametrize("packed", ["gz", "bz2", "xz", "zst", "zip"])
def test_a_truncated_download_is_an_error(file: Callable[..., Path], packed: str) -> None:
    rows = "".join(f"w{i} {i / 7} {i / 11}\n" for i in range(5000)).encode()
    content = PACKERS[packed](rows)
    for errors in ("strict", "skip"):
        with pytest.raises((ArtifactError, CorpusError), match=r"truncated|damaged"):
            read(file(content[: len(content) // 2]), errors=errors)


def test_damaged_members_are_an_error(file: Callable[..., Path]) -> None:
    content = bytearray(zipped(vectors=TEXT * 50))
    content[60] ^= 255
    with pytest.raises(ArtifactError, match="damaged"):
        read(file(bytes(content)), "glove")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
@pytest.mark.parametrize("content", [TEXT, gzip.compress(BINARY), zipped(vectors=WORD2VEC)], ids=["text", "gz", "zip"])
def test_a_named_pipe_is_read(tmp_path: Path, content: bytes) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert_read(read(pipe))
    writer.join()


def consumed(path: Path, limit: int) -> tuple[WordVectors, int]:
    with open_source(path) as source:
        got = READABLE.get(detect_format(source)).read(VectorFile(source, limit=limit))
        return got, source.record(limited=True)["bytes"]


@pytest.mark.parametrize("packed", [None, "gz"])
@pytest.mark.parametrize("binary", [False, True])
def test_a_limit_reads_no_more_than_it_needs(file: Callable[..., Path], packed: str | None, binary: bool) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60_000, 40)).astype(np.float32)
    if binary:
        rows = [b"w%d " % i + row.tobytes() for i, row in enumerate(vectors)]
    else:
        rows = [f"w{i} {' '.join(f'{x:.5g}' for x in row)}\n".encode() for i, row in enumerate(vectors[:30_000])]
        vectors = vectors[:30_000]
    content = b"%d 40\n" % len(vectors) + b"".join(rows) * 2
    path = file(PACKERS[packed](content) if packed else content)
    got, size = consumed(path, 1000)
    assert got.words == [f"w{i}" for i in range(1000)]
    np.testing.assert_allclose(got.vectors, vectors[:1000], rtol=1e-4)
    assert size < path.stat().st_size / 2
    assert got.bad.messages() == []


@needs_gensim
@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("limit", [1, 2, 3, 9])
def test_a_limit_is_that_of_gensim(file: Callable[..., Path], binary: bool, limit: int) -> None:
    from gensim.models import KeyedVectors

    path = file(BINARY if binary else WORD2VEC)
    theirs = KeyedVectors.load_word2vec_format(str(path), binary=binary, limit=limit)
    got = read(path, limit=limit)
    assert got.words == theirs.index_to_key
    np.testing.assert_array_equal(got.vectors, theirs.vectors)


BROKEN = b"na\xc3"


@pytest.mark.parametrize("binary", [False, True])
def test_words_that_are_no_utf8(file: Callable[..., Path], binary: bool) -> None:
    rows = [(b"the", [1, 2]), (BROKEN, [3, 4]), (b"of", [5, 6])]
    content = b"3 2\n" + b"".join(
        word + (b" " + np.array(row, dtype="<f4").tobytes() if binary else b" %d %d\n" % tuple(row))
        for word, row in rows
    )
    path = file(content)
    with pytest.raises(CorpusError, match="not UTF-8") as error:
        read(path)
    assert "--errors replace" in error.value.hint
    assert "--errors skip" in error.value.hint
    assert "latin1" not in error.value.hint
    got = read(path, errors="replace")
    assert_read(got, [("the", [1, 2]), ("na\ufffd", [3, 4]), ("of", [5, 6])])
    assert "1 word: 'na\ufffd'" in got.bad.messages()[0]
    got = read(path, errors="skip")
    assert_read(got, [("the", [1, 2]), ("of", [5, 6])])
    assert got.bad.skipped["not_utf8"].count == 1


@pytest.mark.parametrize(
    ("words", "latin"),
    [
        (["größe", "café", "naïve"], True),
        (["größe", "the", "of"], True),
        (["the", "größe".encode() + b"\xc3", "café".encode(), "größe".encode()], False),
        (["café".encode("latin-1"), "größe".encode(), "naïve".encode()], False),
    ],
)
def test_latin_1_is_guessed_where_most_words_are_no_utf8(
    file: Callable[..., Path], words: list[Any], latin: bool
) -> None:
    encoded = [word if isinstance(word, bytes) else word.encode("latin-1") for word in words]
    with pytest.raises(CorpusError) as error:
        read(file(b"".join(word + b" 1 2\n" for word in encoded)))
    assert ("iconv -f latin1" in error.value.hint) == latin


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"cut 1", "wrong_length"),
        (b"wide 1.5 2.5 3.5", "wrong_length"),
        (b"bad 1 x", "not_a_number"),
        (b"bad 1 1_0", "not_a_number"),
        (b"nan 1 nan", "not_finite"),
        (b"inf -inf 1", "not_finite"),
        (b"huge 1e99 1", "not_finite"),
        (b"", "empty_line"),
        (b" \t", "empty_line"),
        (b"\xff\xfe 1 2", "not_utf8"),
    ],
)
def test_bad_rows_are_left_out_and_counted(file: Callable[..., Path], row: bytes, reason: str) -> None:
    first, rest = TEXT.split(b"\n", 1)
    path = file(first + b"\n" + row + b"\n" + row + b"\n" + rest)
    with pytest.raises(CorpusError, match=r"vectors:2: ") as error:
        read(path)
    assert "--errors skip" in error.value.hint
    got = read(path, errors="skip")
    assert_read(got)
    assert {name: (rows.count, rows.examples) for name, rows in got.bad.skipped.items()} == {
        reason: (2, ("line 2", "line 3"))
    }
    assert got.bad.messages()[0].startswith("2 rows skipped: ")
    with pytest.raises(CorpusError):
        read(path, errors="strict")


def test_bad_rows_of_several_blocks(file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = file(TEXT.replace(b"of", b"\nnan nan nan\nof") + b"cut 1\n\n\n")
    whole = read(path, errors="skip")
    assert whole.bad.skipped.keys() == {"empty_line", "not_finite", "wrong_length"}
    for size in (1, 7, 30):
        monkeypatch.setattr(text_reader, "BLOCK_BYTES", size)
        got = read(path, errors="skip")
        assert_read(got)
        assert got.bad == whole.bad


def test_binary_rows_that_are_no_numbers(file: Callable[..., Path]) -> None:
    content = BINARY.replace(np.float32(0.25).tobytes(), np.float32("nan").tobytes())
    with pytest.raises(ArtifactError, match=r"word 2 \('of'\): a number is not finite"):
        read(file(content))
    got = read(file(content), errors="skip")
    assert got.words == ["the", "größe"]
    assert got.bad.skipped["not_finite"].examples == ("word 2",)


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize(("promised", "said"), [(b"1", ""), (b"9", "; is the download whole?"), (b"99999999999", "?")])
def test_the_real_count_is_taken(file: Callable[..., Path], binary: bool, promised: bytes, said: str) -> None:
    got = read(file((BINARY if binary else WORD2VEC).replace(b"3 2\n", promised + b" 2\n", 1)))
    assert_read(got)
    assert "the file has 3" + said in got.bad.messages()[0] or said == "?"
    assert len(got.bad.messages()) == 1


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b" \n", b"\r\n"])
@pytest.mark.parametrize("content", [TEXT, WORD2VEC, BINARY], ids=["glove", "word2vec", "binary"])
def test_empty_lines_at_the_end_are_no_rows(file: Callable[..., Path], content: bytes, end: bytes) -> None:
    got = read(file(content + end))
    assert_read(got)
    assert got.bad.messages() == []


@pytest.mark.parametrize("content", [TEXT, WORD2VEC, BINARY], ids=["glove", "word2vec", "binary"])
def test_a_byte_order_mark_is_skipped(file: Callable[..., Path], content: bytes) -> None:
    got = read(file(b"\xef\xbb\xbf" + content))
    assert_read(got)
    assert got.bad.messages() == ["the byte-order mark at the start of the file was skipped"]


def test_lists_of_words_may_be_broken_too(tmp_path: Path, file: Callable[..., Path]) -> None:
    np.save(tmp_path / "m.npy", np.array([[1, 2], [3, np.nan], [5, 6], [7, 8]]))
    words = file(b"\xef\xbb\xbfthe\nof\nna\xc3\ncat\n", "words.txt")
    with pytest.raises(CorpusError, match=r"words.txt:3"):
        read(tmp_path / "m.npy", words=words)
    got = read(tmp_path / "m.npy", words=words, errors="skip")
    assert_read(got, [("the", [1, 2]), ("cat", [7, 8])])
    assert {name: rows.count for name, rows in got.bad.skipped.items()} == {"not_utf8": 1, "not_finite": 1}
    assert_read(read(tmp_path / "m.npy", words=words, limit=1), [("the", [1, 2])])


def model(
    words: tuple[bytes, ...] = (b"the", b"of", b"cat"),
    *,
    magic: int | None = 793712314,
    version: int = 12,
    kind: int = 2,
    bucket: int = 0,
    maxn: int = 0,
) -> bytes:
    """A model of fastText of a version, with rows 1 2, 3 4, …"""
    content = b"" if magic is None else struct.pack("<2i", magic, version)
    content += struct.pack("<12id", 2, 5, 5, 1, 5, 1, 2, kind, bucket, min(maxn, 2), maxn, 100, 1e-4)
    content += struct.pack("<3iq", len(words), len(words), 0, 100)
    content += b"" if magic is None else struct.pack("<q", -1)
    content += b"".join(word + b"\0" + struct.pack("<qb", 9 - i, 0) for i, word in enumerate(words))
    for rows in (len(words) + bucket, len(words)):
        content += (b"" if magic is None else b"\0") + struct.pack("<2q", rows, 2)
        content += np.arange(1, 2 * rows + 1, dtype="<f4").tobytes()
    return content


@needs_gensim
@pytest.mark.parametrize("options", [{"version": 11}, {"magic": None}, {"version": 12}])
@pytest.mark.parametrize("ngrams", [{}, {"bucket": 7, "maxn": 4}])
def test_old_versions_are_read_as_in_gensim(
    file: Callable[..., Path], options: dict[str, Any], ngrams: dict[str, int]
) -> None:
    from gensim.models.fasttext import load_facebook_vectors

    path = file(model(**options, **ngrams))
    with open_source(path) as source:
        assert detect_format(source) == "fasttext-bin"
    got, theirs = read(path), load_facebook_vectors(str(path))
    assert got.words == theirs.index_to_key
    np.testing.assert_allclose(got.vectors, theirs.vectors, atol=1e-6)
    assert got.counts is not None
    assert got.counts.tolist() == [9, 8, 7]
    assert (got.ngrams is None) == (not ngrams)


def test_a_kept_word_has_the_ngrams_of_its_bytes(file: Callable[..., Path]) -> None:
    """fastText hashes the bytes of the file, and so do we: not those of the word that it becomes."""
    library = pytest.importorskip("fasttext")
    broken = b"na\xe2\x80"
    path = file(model((b"the", broken, b"cat"), bucket=11, maxn=4), "model.bin")
    theirs = library.load_model(str(path))
    with pytest.raises(CorpusError, match=r"word 2 \('na\ufffd'\) is not UTF-8"):
        read(path)
    got = read(path, errors="replace")
    assert got.words == ["the", "na\ufffd", "cat"]
    rows = [vector_in_fasttext(theirs, word) for word in (b"the", broken, b"cat")]
    np.testing.assert_allclose(got.vectors, rows, rtol=1e-6)
    got = read(path, errors="skip")
    assert got.words == ["the", "cat"]
    np.testing.assert_allclose(got.vectors, [rows[0], rows[2]], rtol=1e-6)
    assert got.ngrams is not None
    np.testing.assert_array_equal(got.ngrams.own[:], [[1, 2], [5, 6]])
    assert got.output is not None
    np.testing.assert_array_equal(got.output[:], [[1, 2], [5, 6]])
    got = read(path, limit=1)
    assert (got.words, got.ngrams is not None and got.ngrams.own.shape) == (["the"], (1, 2))


def vector_in_fasttext(model: Any, word: bytes) -> Any:
    vector = importlib_vector(model.get_dimension())
    model.f.getWordVector(vector, word)
    return np.array(vector)


def importlib_vector(dim: int) -> Any:
    import fasttext_pybind

    return fasttext_pybind.Vector(dim)


@needs_gensim
@pytest.mark.parametrize("kind", ["KeyedVectors", "Word2Vec", "FastText"])
def test_formats_of_gensim_are_named_with_the_way(tmp_path: Path, kind: str) -> None:
    from gensim.models import FastText, KeyedVectors, Word2Vec

    path = tmp_path / "saved"
    if kind == "KeyedVectors":
        vectors = KeyedVectors(2)
        vectors.add_vectors([word for word, _ in ROWS], np.array([row for _, row in ROWS]))
        vectors.save(str(path))
    else:
        options = {"bucket": 10} if kind == "FastText" else {}
        {"Word2Vec": Word2Vec, "FastText": FastText}[kind](
            [["a", "b"]] * 5, vector_size=2, min_count=1, **options
        ).save(str(path))
    with pytest.raises(ArtifactError, match=f"gensim's own format of {kind}") as error:
        read(path)
    # The way that the hint names is one.
    os.chdir(tmp_path)
    exec(error.value.hint.removeprefix("in Python: "), {})
    words = read(tmp_path / ("words.bin" if kind == "FastText" else "words.vec")).words
    assert len(words) == (3 if kind == "KeyedVectors" else 2)


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        entry = tarfile.TarInfo("vectors.txt")
        entry.size = len(TEXT)
        archive.addfile(entry, io.BytesIO(TEXT))
    return buffer.getvalue()


def objects() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array({"the": [1.0]}, dtype=object))
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "part", "hint"),
    [
        (pickle.dumps({"the": [1.0]}), "a Python pickle", "numpy.save"),
        (pickle.dumps({"the": [1.0]}, protocol=0), "a Python pickle", "numpy.save"),
        (pickle.dumps(np.eye(2), protocol=0), "a Python pickle", "numpy.save"),
        (tarred(), "a tar archive", "tar xOf"),
        (TEXT.decode().encode("utf-16"), "UTF-16, not UTF-8", "iconv -f UTF-16"),
        (zipped(**{"archive/data.pkl": b"\x80\x02", "archive/data/0": b"12"}), "a file of PyTorch", "numpy.save"),
        (zipped(**{"words.npy": b"1", "vectors.npy": b"2"}), "an archive of arrays", "numpy.save"),
        (b"", "the file is empty", "fetch"),
        (gzip.compress(b""), "the file is empty", "fetch"),
        (b"3 99999999\n" + TEXT, "99,999,999 dimensions", "--format"),
    ],
)
def test_other_files_are_named(file: Callable[..., Path], content: bytes, part: str, hint: str) -> None:
    with pytest.raises(TokitError, match=part) as error:
        read(file(content))
    assert hint in error.value.hint


def test_an_array_of_objects_is_named(tmp_path: Path, file: Callable[..., Path]) -> None:
    with pytest.raises(ArtifactError, match="Python objects") as error:
        read(file(objects()), words=file(b"the\n", "words"))
    assert "numpy.save" in error.value.hint


def test_a_stream_is_hashed_as_it_is_read(file: Callable[..., Path]) -> None:
    import hashlib

    def record(path: Path, **options: Any) -> dict[str, Any]:
        with open_source(path) as source:
            READABLE.get(detect_format(source)).read(VectorFile(source, **options))
            return dict(_record(source, options))

    content = gzip.compress(TEXT)
    whole = record(file(content))
    assert whole == {"name": "vectors", "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _record(source: VectorSource, options: dict[str, Any]) -> Any:
    return source.record(limited="limit" in options)
