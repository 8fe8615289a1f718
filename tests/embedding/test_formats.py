"""Files of word vectors: those that gensim writes, those that other tools write, and broken ones."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.packages import needs_gensim
from tokit.embedding.formats import READABLE, text_reader
from tokit.embedding.formats.base import VectorFile, WordVectors
from tokit.embedding.formats.detect import detect_format
from tokit.embedding.formats.fasttext_header import ARGUMENTS, DICTIONARY, START
from tokit.embedding.formats.source import open_source
from tokit.errors import ArtifactError, CorpusError, TokitError

WORDS = ["the", "cat", "größe", "日本", "a\u00a0b", "n't", "<unk>", "</s>"]
VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 5)).astype(np.float32)


def read(path: Path, name: str | None = None, **options: Any) -> WordVectors:
    with open_source(path) as source:
        return READABLE.get(name or detect_format(source)).read(VectorFile(source, **options))


def detected(path: Path) -> str:
    with open_source(path) as source:
        return detect_format(source)


def as_text(words: list[str] = WORDS, vectors: Any = VECTORS) -> bytes:
    rows = (f"{word} {' '.join(map(repr, row.tolist()))}\n" for word, row in zip(words, vectors, strict=True))
    return "".join(rows).encode()


def as_binary(newline: bytes = b"", header: bytes = b"8 5\n") -> bytes:
    rows = (word.encode() + b" " + row.tobytes() + newline for word, row in zip(WORDS, VECTORS, strict=True))
    return header + b"".join(rows)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(content: bytes, name: str = "vectors.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write


def assert_read(got: WordVectors, words: list[str] = WORDS, vectors: Any = VECTORS) -> None:
    assert got.words == words
    assert got.vectors.dtype == np.float32
    np.testing.assert_array_equal(got.vectors, vectors)


@needs_gensim
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_word2vec_of_gensim(tmp_path: Path, binary: bool) -> None:
    from gensim.models import KeyedVectors

    vectors = KeyedVectors(5)
    vectors.add_vectors(WORDS, VECTORS)
    vectors.save_word2vec_format(str(tmp_path / "w2v"), binary=binary)
    assert detected(tmp_path / "w2v") == ("word2vec-binary" if binary else "word2vec")
    assert_read(read(tmp_path / "w2v"))


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (as_text(), "glove"),
        (as_text().removesuffix(b"\n"), "glove"),
        (b"8 5\n" + as_text(), "word2vec"),
        (b"8 5 \r\n" + as_text().replace(b"\n", b"\r\n"), "word2vec"),
        # The C tools write a blank behind each number.
        (b"8 5\n" + as_text().replace(b"\n", b" \n"), "word2vec"),
        (as_text().replace(b" ", b"\t"), "glove"),
        (as_text().replace(b" ", b"  "), "glove"),
        (as_binary(), "word2vec-binary"),
        (as_binary(b"\n"), "word2vec-binary"),
    ],
)
def test_variants_of_word2vec_and_glove(file: Callable[..., Path], content: bytes, name: str) -> None:
    path = file(content)
    assert detected(path) == name
    assert_read(read(path))


def test_vec_is_fasttext(file: Callable[..., Path]) -> None:
    path = file(b"8 5\n" + as_text(), "wiki.vec")
    assert detected(path) == "fasttext-vec"
    assert_read(read(path))


def test_word2vec_without_a_header(file: Callable[..., Path]) -> None:
    assert_read(read(file(as_text()), "word2vec"))
    assert_read(read(file(as_binary(header=b"")), "word2vec-binary", dim=5))
    with pytest.raises(ArtifactError, match="no first line") as error:
        read(file(as_binary(header=b"")), "word2vec-binary")
    assert "--dim" in error.value.hint


def test_tokens_with_spaces(file: Callable[..., Path]) -> None:
    words = ["the", ". . .", "at name@domain.com", " x", "", "a  b", "1 000"]
    vectors = VECTORS[: len(words)]
    assert_read(read(file(as_text(words, vectors))), words, vectors)


def test_blocks_do_not_matter(file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for size in (1, 7, 100, 160):
        monkeypatch.setattr(text_reader, "BLOCK_BYTES", size)
        assert_read(read(file(as_text())))


def test_numbers_of_all_sizes_come_back(file: Callable[..., Path]) -> None:
    vectors = np.random.default_rng(1).normal(size=(500, 7)).astype(np.float32) * np.float32(10.0) ** np.arange(
        -30, 12, 6, dtype=np.float32
    )
    words = [f"w{i}" for i in range(500)]
    assert_read(read(file(as_text(words, vectors))), words, vectors)


NUMBER = st.one_of(
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(repr),
    st.floats(min_value=-1e38, max_value=1e38, allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-1000, max_value=1000).map(str),
    st.sampled_from(["0", "-0", "+1", "1.", ".5", "-.5", "1e5", "1E-5", "1e+22", "1e-22", "1e23", "00012", "9" * 30]),
)


@given(
    st.lists(NUMBER, min_size=1, max_size=8),
    st.sampled_from([" ", "\t", "  ", " \t"]),
    st.sampled_from(["", " ", "\r"]),
)
def test_decimals_are_rounded_as_python_rounds_them(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[str], separator: str, end: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "numbers.txt"
    path.write_bytes(f"word{separator}{separator.join(numbers)}{end}\n".encode())
    got = read(path, "glove", dim=len(numbers))
    assert got.vectors.tobytes() == np.array([[float(number) for number in numbers]]).astype(np.float32).tobytes()


@pytest.mark.parametrize(
    "number", ["x", "1x", "1e", "1e+", "--1", ".", "-", "1.2.3", "1_0", "0x10", "nan", "inf", "1e9999"]
)
def test_other_fields_are_no_numbers(file: Callable[..., Path], number: str) -> None:
    with pytest.raises(CorpusError, match=r"vectors.txt:1: (.* is not a number|a number is not finite)"):
        read(file(f"word 1 {number} 2\n".encode()), "glove", dim=3)


GOOD = b"the 1 2 3\ncat 4 5 6\ndog 7 8 9\n"


@pytest.mark.parametrize(
    ("content", "name", "part"),
    [
        (GOOD + b"cut 1 2", "glove", "vectors.txt:4: 2 numbers, not 3"),
        (GOOD + b"\ncat 4 5 6\n", "glove", "vectors.txt:4: an empty line"),
        (GOOD + b"wide 1.5 2.5 3.5 4.5\n", "glove", "vectors.txt:4: 4 numbers, not 3"),
        (GOOD + b"bad 1 x 3\n", "glove", "vectors.txt:4: 'x' is not a number"),
        (GOOD + b"bad 1 2_0 3\n", "glove", "vectors.txt:4: '2_0' is not a number"),
        (GOOD + b"gr\xf6\xdfe 1 2 3\n", "glove", "vectors.txt:4: byte 2 of the word 'gr"),
        (GOOD + b"bad 1 nan 3\n", "glove", "vectors.txt:4: a number is not finite"),
        (GOOD + b"bad 1 1e99 3\n", "glove", "vectors.txt:4: a number is not finite"),
        (b"3 4\n" + GOOD, "word2vec", "vectors.txt:2: 3 numbers, not 4"),
        (b"3 2\n" + GOOD.replace(b" ", b" 0."), "word2vec", "vectors.txt:2: 3 numbers, not 2"),
        (b"", "glove", "the file is empty"),
        (b"words\nonly\n", "glove", "no word and its numbers"),
        (as_binary()[:-1], "word2vec-binary", "word 8, at byte 182 of the file: truncated"),
        (as_binary() + b"more", "word2vec-binary", "more follows the 8 words"),
        (as_binary().replace(b"cat", b"c\xf6t"), "word2vec-binary", "word 2, at byte 28 of the file"),
        (b"1 1\nthe " + struct.pack("<f", float("nan")), "word2vec-binary", "word 1 ('the'): a number is not finite"),
        (b"1 2\n" + b"x" * 30, "word2vec-binary", "word 1, at byte 4 of the file: no space"),
        (b"", "word2vec-binary", "no first line"),
        (b"not fasttext" * 20, "fasttext-bin", "not a model of fastText"),
        (b"", "fasttext-bin", "the file is empty"),
        (struct.pack("<i", 793712314), "fasttext-bin", "truncated at byte 4"),
    ],
)  # fmt: skip
def test_broken_files(file: Callable[..., Path], content: bytes, name: str, part: str) -> None:
    with pytest.raises((CorpusError, ArtifactError)) as error:
        read(file(content), name)
    assert part in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (b"", "empty"),
        (b"\x00\x01\x02\x03" * 9, "no known format"),
        (b"just words\n", "no known format"),
    ],
)
def test_unknown_formats_are_refused(file: Callable[..., Path], content: bytes, part: str) -> None:
    with pytest.raises(ArtifactError, match=part):
        detected(file(content))


def test_a_broken_text_is_recognized_as_text(file: Callable[..., Path]) -> None:
    assert detected(file(b"3 3\nthe 1 2 x\n")) == "word2vec"
    assert detected(file(b"3 3\n")) == "word2vec"


def facebook_model(tmp_path: Path, **options: Any) -> Path:
    from gensim.models import FastText
    from gensim.models.fasttext import save_facebook_model

    sentences = [["water", "größe", "日本語", "the", "the"], ["the", "waters", "cold", "a"]] * 5
    model = FastText(sentences, vector_size=6, min_count=1, epochs=1, workers=1, bucket=50, **options)
    save_facebook_model(model, str(tmp_path / "model.bin"))
    return tmp_path / "model.bin"


@needs_gensim
@pytest.mark.parametrize("options", [{}, {"min_n": 2, "max_n": 3}, {"min_n": 1, "max_n": 1}])
def test_fasttext_bin_is_read_as_in_gensim(tmp_path: Path, options: dict[str, int]) -> None:
    from gensim.models.fasttext import load_facebook_vectors

    path = facebook_model(tmp_path, **options)
    assert detected(path) == "fasttext-bin"
    mine, theirs = read(path), load_facebook_vectors(str(path))
    assert mine.words == theirs.index_to_key
    np.testing.assert_allclose(mine.vectors, theirs.vectors, atol=1e-7)
    assert mine.counts is not None
    assert dict(zip(mine.words, mine.counts.tolist(), strict=True))["the"] == 15


def test_fasttext_without_words(file: Callable[..., Path]) -> None:
    content = struct.pack("<2i12id3i2q?2q", 793712314, 12, 2, *[0] * 11, 0.0, 0, 0, 0, 0, -1, False, 0, 2)
    assert_read(read(file(content)), [], np.empty((0, 2)))


def fasttext_bytes(*, extra: bytes = b"", quantized: bool = False, pruned: int = -1, labels: int = 1) -> bytes:
    """A model written by hand, with a label behind its words and no n-grams."""
    names = [b"</s>", b"the", *[b"__label__a"] * labels]
    arguments = struct.pack("<2i", 793712314, 12) + struct.pack("<11i", 2, 5, 1, 1, 5, 1, 3, 3, 0, 0, 0)
    arguments += extra + struct.pack("<id", 100, 1e-4)
    dictionary = struct.pack("<3i2q", len(names), 2, labels, 9, pruned)
    entries = b"".join(name + b"\0" + struct.pack("<qb", 7 - i, i > 1) for i, name in enumerate(names))
    matrix = struct.pack("<?2q", quantized, 2, 2) + np.arange(4, dtype="<f4").tobytes()
    return arguments + dictionary + entries + matrix


def test_fasttext_labels_are_no_words(file: Callable[..., Path]) -> None:
    got = read(file(fasttext_bytes()))
    assert_read(got, ["</s>", "the"], [[0, 1], [2, 3]])
    assert got.counts is not None
    assert got.counts.tolist() == [7, 6]


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (fasttext_bytes(extra=struct.pack("<2i", 1, 2)), "floret"),
        (fasttext_bytes(quantized=True), "quantized"),
        (fasttext_bytes().replace(struct.pack("<2i", 793712314, 12), struct.pack("<2i", 793712314, 13)), "version 13"),
        (fasttext_bytes()[:-1], "truncated"),
        (fasttext_bytes()[:100], "truncated"),
        (fasttext_bytes().replace(b"the\0", b"\xffhe\0"), "word 2 ('\ufffdhe') is not UTF-8"),
        (fasttext_bytes()[:-4] + struct.pack("<f", float("inf")), "word 2 ('the'): a number is not finite"),
    ],
)
def test_models_that_are_refused(file: Callable[..., Path], content: bytes, part: str) -> None:
    with pytest.raises(TokitError) as error:
        read(file(content), "fasttext-bin")
    assert part in error.value.message


@pytest.mark.parametrize("pruned", [(1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 20])
def test_pruned_ngrams_beyond_the_end_of_a_fasttext_model(file: Callable[..., Path], pruned: int) -> None:
    content = bytearray(fasttext_bytes())
    struct.pack_into("<q", content, START.size + ARGUMENTS.size + DICTIONARY.size - 8, pruned)
    with pytest.raises(ArtifactError, match="truncated"):
        read(file(bytes(content)), "fasttext-bin")


def test_a_cut_fasttext_model_is_an_error_wherever_it_is_cut(file: Callable[..., Path]) -> None:
    whole = fasttext_bytes()
    for size in range(4, len(whole), 3):
        with pytest.raises(ArtifactError):
            read(file(whole[:size]), "fasttext-bin")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4", "int32"])
def test_npy_with_a_word_list(tmp_path: Path, file: Callable[..., Path], dtype: str) -> None:
    vectors = (VECTORS * 4).astype(dtype)
    np.save(tmp_path / "v.npy", vectors)
    words = file("\r\n".join(WORDS).encode())
    assert detected(tmp_path / "v.npy") == "npy"
    assert_read(read(tmp_path / "v.npy", words=words), vectors=vectors.astype(np.float32))


def test_safetensors_with_a_word_list(tmp_path: Path, file: Callable[..., Path]) -> None:
    from safetensors.numpy import save_file

    path, words = tmp_path / "v.safetensors", file("\n".join(WORDS).encode() + b"\n")
    save_file({"any": VECTORS, "bias": VECTORS[0]}, path)
    assert detected(path) == "safetensors"
    assert_read(read(path, words=words))
    save_file({"any": VECTORS[::-1].copy(), "embeddings": VECTORS}, path)
    assert_read(read(path, words=words))
    save_file({"any": VECTORS, "other": VECTORS}, path)
    with pytest.raises(ArtifactError, match="several matrices: any, other"):
        read(path, words=words)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtifactError, match="cannot be read"):
        read(path, words=words)


@pytest.mark.parametrize(
    ("array", "words", "part"),
    [
        (VECTORS, b"a\nb\n", "2 words for the 8 rows"),
        (VECTORS[0], b"a\n", "not a matrix"),
        (np.array([[np.nan]]), b"a\n", "row 0: a number is not finite"),
        (np.array([["a"]]), b"a\n", "not numbers"),
        (np.array([[{}]]), b"a\n", "Python objects"),
        (np.ones((2, 2)), b"a\n\xff\n", "vectors.txt:2: byte 0 of the word"),
    ],
)
def test_broken_matrices(tmp_path: Path, file: Callable[..., Path], array: Any, words: bytes, part: str) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises((ArtifactError, CorpusError)) as error:
        read(tmp_path / "v.npy", words=file(words))
    assert part in error.value.message


@given(st.binary(max_size=80), st.sampled_from([name for name in READABLE if not READABLE.get(name).needs_words]))
def test_no_bytes_crash_a_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.bin"
    for head in (b"", b"1 1\n", b"2 1\na 1\n", struct.pack("<2i", 793712314, 12)):
        path.write_bytes(head + content)
        try:
            got = read(path, name, dim=1)
        except (CorpusError, ArtifactError) as error:
            assert error.hint
        else:
            assert got.vectors.shape[0] == len(got.words)
            assert np.isfinite(got.vectors).all()


@pytest.mark.parametrize(
    "first", [b"-1 -2", b"+2 3", b"2 -3", b"2.0 3.0", b"2e0\t3", b"0 0", b"2 0", b"2, 3", b"9" * 20 + b" 3"]
)
@pytest.mark.parametrize("rows", [b"the 1 2 3\ncat 4 5 6\n", b"the 1\ncat 2\n", b"the 1 2 3\n", b""])
def test_two_numbers_that_are_no_header(file: Callable[..., Path], first: bytes, rows: bytes) -> None:
    path = file(first + b"\r\n" + rows)
    for name in (detected(path), "word2vec", "glove"):
        with pytest.raises(CorpusError, match=r"vectors.txt:1: '.*' is no header") as error:
            read(path, name)
        assert "tail -n +2" in error.value.hint
        skipped = read(path, name, errors="skip")
        assert skipped.words == [line.split()[0].decode() for line in rows.splitlines()]
        assert skipped.bad.skipped["no_header"].examples == ("line 1",)


def test_a_header_is_no_row_of_glove(file: Callable[..., Path]) -> None:
    with pytest.raises(CorpusError, match="'2 1' is a header") as error:
        read(file(b"2 1\nthe 1\ncat 2\n"), "glove")
    assert "--format word2vec" in error.value.hint


def test_numbers_are_words_where_the_user_says_the_dimension(file: Callable[..., Path]) -> None:
    got = read(file(b"-1 -2\nthe 1\n"), dim=1)
    assert (got.words, got.vectors.tolist()) == (["-1", "the"], [[-2], [1]])
    assert read(file(b"7 1 2\nthe 3 4\n")).words == ["7", "the"]


def test_a_binary_file_with_a_wrong_header(file: Callable[..., Path]) -> None:
    with pytest.raises(ArtifactError, match="'-8 5' is no header"):
        read(file(as_binary(header=b"-8 5\n")), "word2vec-binary", dim=5)
