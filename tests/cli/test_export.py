"""export: the files are what the libraries they are for load, and tokit again."""

from __future__ import annotations

import importlib
import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import tokit
from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tokit.arrays import FloatArray
from tokit.embedding.embedding_folder import load_embedding, load_ngrams
from tokit.embedding.formats import READABLE, WRITABLE
from tokit.embedding.formats.base import VectorFile, WordVectors
from tokit.embedding.formats.detect import detect_format
from tokit.embedding.formats.source import open_source
from tokit.embedding.ngrams import ngram_text
from tokit.ops.fit import fit_embedding
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
SENTENCES = ["water größe 日本語 the the", "the waters cold a", "naïve cafe\u0301 👩‍👩‍👧 the </s> water ing walking"]
UNKNOWN = ["watering", " größer", "日本", "e\u0301x", "👩‍👧", "zzzz", "x" * 300]
# Some that go with `word`, and one whose pieces hold spaces and bytes of characters.
FAMILIES = {"word": (), "bpe": (330,), "wordpiece": (70,)}
# Files of every format but npy are verified in gensim.
VERIFY = ("--verify",) if find_spec("gensim") else ()


def read(path: Path, name: str, words: Path | None = None) -> WordVectors:
    with open_source(path) as source:
        assert detect_format(source) == name
        return READABLE.get(name).read(VectorFile(source, words))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A small embedding, fitted when first asked for."""
    root = tmp_path_factory.mktemp("export")
    text = root / "text.txt"
    text.write_text("\n".join(SENTENCES * 20) + "\n", encoding="utf-8")

    def fitted(family: str = "fasttext", tokenizer: str = "word") -> Path:
        out, tok = root / f"{family}-{tokenizer}", root / f"tok-{tokenizer}"
        if not tok.exists():
            tokit.train_tokenizer(
                tokit.open_corpus([str(text)]), tok, family=tokenizer, vocab_sizes=FAMILIES[tokenizer]
            )
        if not out.exists():
            settings = {"bucket": 2000} if family == "fasttext" else {}
            fit_embedding(
                tokit.open_corpus([str(text)]), tok, out, family=family, dim=12, threads=1,
                settings={"sample": 0, "epochs": 40, **settings},
            )  # fmt: skip
        return out

    return fitted


@needs_gensim
@pytest.mark.parametrize("tokenizer", list(FAMILIES))
def test_bin_has_our_vectors_in_gensim_and_fasttext(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str
) -> None:
    from gensim.models.fasttext import load_facebook_model, load_facebook_vectors

    pytest.importorskip("fasttext")
    emb, path = folder("fasttext", tokenizer), tmp_path / "emb.bin"
    ran = cli("export", emb, "--to", "fasttext", "-o", path, "--verify", "--names", "tokens")
    assert (ran.code, "equal in gensim and fasttext" in ran.err) == (0, True)
    embedding, table = load_embedding(emb), load_ngrams(emb)
    assert table is not None
    pieces = load_tokenizer(embedding.tokenizer).pieces
    library = importlib.import_module("fasttext").load_model(str(path))
    model, vectors = load_facebook_model(str(path)), load_facebook_vectors(str(path))
    words = library.get_words()
    assert words == vectors.index_to_key
    counts = [vectors.get_vecattr(word, "count") for word in words]
    assert counts == sorted(counts, reverse=True)
    known = {ngram_text(pieces, i): i for i in np.flatnonzero(embedding.seen).tolist()}
    assert {*words} == {*known}
    for word in words:
        vector = library.get_word_vector(word)
        mine = [i for i in np.flatnonzero(embedding.seen).tolist() if ngram_text(pieces, i) == word]
        assert min(np.abs(embedding.vectors[i] - vector).max() for i in mine) <= 1e-6
        if word != "</s>":
            np.testing.assert_allclose(model.wv[word], vector, atol=1e-6)
            np.testing.assert_allclose(vectors[word], vector, atol=1e-6)
    unknown = [word for word in UNKNOWN if word not in known]
    for word, (vector, _) in zip(unknown, table.compose(unknown), strict=True):
        np.testing.assert_allclose(library.get_word_vector(word), vector, atol=1e-6)
        np.testing.assert_allclose(vectors[word], vector, atol=1e-6)


@needs_gensim
def test_bin_goes_on_training_in_gensim(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    from gensim.models.fasttext import load_facebook_model

    path = tmp_path / "emb.bin"
    assert cli("export", folder(), "--to", "fasttext", "-o", path, "-q").code == 0
    model = load_facebook_model(str(path))
    assert (model.sg, model.window, model.negative, model.epochs) == (1, 5, 5, 40)
    known = {word: i for i, word in enumerate(load_tokenizer(folder() / "tokenizer.json").pieces.texts)}
    output = load_file(folder() / "training.safetensors")["output"]
    np.testing.assert_array_equal(model.syn1neg[model.wv.key_to_index["water"]], output[known["water"]])


@pytest.mark.parametrize("source", ["fasttext", "skipgram"])
def test_bin_comes_back(cli: Cli, folder: Callable[..., Path], tmp_path: Path, source: str) -> None:
    path, back = tmp_path / "emb.bin", tmp_path / "back"
    assert cli("export", folder(source), "--to", "fasttext", "-o", path, *VERIFY, "-q").code == 0
    assert cli("import", path, "-o", back, "--pre-tokenizer", "whitespace-split", "-q").code == 0
    assert cli("export", back, "--to", "fasttext", "-o", tmp_path / "again.bin", *VERIFY, "-q").code == 0
    table, again = load_ngrams(folder(source)), load_ngrams(back)
    assert (table is None) == (again is None) == (source == "skipgram")
    if table is not None and again is not None:
        np.testing.assert_array_equal(table.ngram_buckets, again.ngram_buckets)
        np.testing.assert_array_equal(table.ngrams[:], again.ngrams[:])


def test_absent_buckets_are_a_hole_in_the_file(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    emb, path = tmp_path / "emb", tmp_path / "emb.bin"
    shutil.copytree(folder(), emb)
    manifest = json.loads((emb / "tokit.json").read_text())
    manifest["params"]["bucket"] = 200_000
    (emb / "tokit.json").write_text(json.dumps(manifest))
    assert cli("export", emb, "--to", "fasttext", "-o", path, "-q").code == 0
    words = read(path, "fasttext-bin")
    assert words.ngrams is not None
    np.testing.assert_array_equal(words.ngrams.ngrams[:], load_file(emb / "training.safetensors")["ngrams"])
    assert path.stat().st_size > 4 * 12 * 200_000 > 5 * 512 * path.stat().st_blocks


@pytest.mark.parametrize("tokenizer", list(FAMILIES))
@pytest.mark.parametrize("name", ["word2vec", "word2vec-binary", "glove", "npy"])
def test_word_vectors_come_back(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, tokenizer: str, name: str
) -> None:
    path = tmp_path / "vectors"
    verify = ("--verify",) if name == "npy" else VERIFY
    ran = cli("export", folder("skipgram", tokenizer), "--to", name, "-o", path, *verify, "--names", "tokens", "-q")
    assert ran.code == 0
    got = read(path, name, tmp_path / "vectors.words.txt" if name == "npy" else None)
    embedding = load_embedding(folder("skipgram", tokenizer))
    pieces = load_tokenizer(embedding.tokenizer).pieces
    known = {pieces.names[i]: i for i in np.flatnonzero(embedding.seen & ~embedding.special).tolist()}
    assert {*got.words} == {*known}
    np.testing.assert_array_equal(got.vectors, embedding.vectors[[known[word] for word in got.words]])


def test_what_a_format_cannot_hold_is_said(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "glove.txt").write_bytes(b"the 1 2\n. . . 3 4\nKing 5 6\n")
    assert cli("import", tmp_path / "glove.txt", "-o", tmp_path / "emb", "-q").code == 0
    ran = cli("export", tmp_path / "emb", "--to", "word2vec", "-o", tmp_path / "v.txt", "--json")
    report = json.loads(ran.text)
    assert (report["words"], report["unwritable"]) == (2, {"count": 1, "examples": [". . ."]})
    assert "1 tokens skipped" in ran.err
    assert (tmp_path / "v.txt").read_bytes() == b"2 2\nthe 1 2\nKing 5 6\n"
    # A .bin has words up to a zero byte.
    ran = cli("export", tmp_path / "emb", "--to", "fasttext", "-o", tmp_path / "v.bin", *VERIFY, "--json")
    assert json.loads(ran.text)["words"] == 3


def test_duplicates_are_said(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    ran = cli("export", folder("fasttext", "wordpiece"), "--to", "fasttext", "-o", tmp_path / "v.bin", "--json")
    report = json.loads(ran.text)
    assert report["duplicates"]["count"] > 0
    assert "another token is the same word" in ran.err
    # Their texts, not their names.
    assert not any(name.startswith("##") for name in report["duplicates"]["examples"])


@pytest.mark.parametrize(
    "name", ["npy", *(pytest.param(name, marks=needs_gensim) for name in WRITABLE if name != "npy")]
)
def test_a_difference_is_told_and_leaves_no_file(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    kind = WRITABLE.get(name)
    write = kind.write

    def wrong(exported, file):
        exported.vectors[exported.ids[3]] += 1e-4
        if exported.ngrams is not None:
            own = np.array(exported.ngrams.own[:])
            own[exported.ids[3]] += 1e-4
            object.__setattr__(exported.ngrams, "own", own)
        write(exported, file)
        exported.vectors[exported.ids[3]] -= 2e-4

    monkeypatch.setattr(kind, "write", wrong)
    ran = cli("export", folder(), "--to", name, "-o", tmp_path / "v", "--verify")
    assert_error(ran, 3, "another vector")
    assert list(tmp_path.iterdir()) == []


@needs_gensim
def test_unknown_words_are_verified_too(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = "tokit.embedding.ngrams.NgramTable.compose"
    monkeypatch.setattr(compose, lambda self, texts: ((np.ones(12, dtype=np.float32), 1) for _ in texts))
    assert_error(cli("export", folder(), "--to", "fasttext", "-o", tmp_path / "v", "--verify"), 3, "another vector")


@needs_gensim
@pytest.mark.parametrize("wrong", [False, True])
def test_a_fork_of_fasttext_that_normalizes_is_compared_by_its_matrix(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: bool
) -> None:
    fasttext = pytest.importorskip("fasttext")
    model = fasttext.FastText._FastText
    vector_of, matrix_of = model.get_word_vector, model.get_input_matrix

    def unit(self: object, word: str) -> FloatArray:
        vector: FloatArray = vector_of(self, word)
        return vector / np.linalg.norm(vector)

    monkeypatch.setattr(model, "get_word_vector", unit)
    if wrong:
        monkeypatch.setattr(model, "get_input_matrix", lambda self: matrix_of(self) + np.float32(0.001))
    ran = cli("export", folder(), "--to", "fasttext", "-o", tmp_path / "v.bin", "--verify", "--names", "tokens")
    if wrong:
        assert_error(ran, 3, "fasttext gives", "another vector")
    else:
        assert (ran.code, "equal in gensim and fasttext" in ran.err) == (0, True)


def test_errors(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    emb, out = folder(), tmp_path / "v.bin"
    assert_error(cli("export", emb, "--to", "fastext", "-o", out), 2, "did you mean 'fasttext'?")
    assert_error(cli("export", emb, "-o", out), 2, "--to")
    assert_error(cli("export", emb, "--to", "glove", "-o", out, "--names", "token"), 2, "did you mean 'tokens'?")
    assert_error(cli("export", emb, "--to", "onnx", "-o", out, "--names", "tokens"), 2, "--names is for vectors")
    assert_error(cli("export", emb, "--to", "projector", "-o", out, "--verify"), 2, "--verify is not for")
    assert_error(cli("export", f"{emb}x", "--to", "glove", "-o", out), 1, "no such file")
    assert_error(cli("export", emb.parent / "tok-word", "--to", "glove", "-o", out), 1, "not an embedding")
    assert_error(cli("export", emb, "--to", "glove", "-o", tmp_path), 1, "is a folder")
    out.write_bytes(b"my diary")
    assert_error(cli("export", emb, "--to", "fasttext", "-o", out), 1, "exists", "--overwrite")
    assert_error(cli("export", emb, "--to", "fasttext", "-o", out, "--overwrite"), 1, "not replaced")
    assert out.read_bytes() == b"my diary"
    out.unlink()
    for _ in range(2):
        assert cli("export", emb, "--to", "fasttext", "-o", out, "--overwrite", "-q").err == ""


def test_folders_on_the_way_are_made_as_everywhere(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    vectors, emb, means = tmp_path / "a" / "v.txt", tmp_path / "b" / "c" / "emb", tmp_path / "d" / "means.npy"
    assert cli("export", folder("skipgram"), "--to", "glove", "-o", vectors, "-q").code == 0
    assert cli("import", vectors, "-o", emb, "-q").code == 0
    assert cli("embed", "-e", emb, "-o", means, "-q", stdin=b"the water\n").code == 0
    assert np.load(means).shape == (1, 12)


def test_too_many_buckets_are_refused(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    emb = tmp_path / "emb"
    shutil.copytree(folder(), emb)
    manifest = json.loads((emb / "tokit.json").read_text())
    manifest["params"]["bucket"] = 1 << 31
    (emb / "tokit.json").write_text(json.dumps(manifest))
    assert_error(cli("export", emb, "--to", "fasttext", "-o", tmp_path / "v"), 2, "2,147,483,647")


def test_nothing_to_write(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    emb = tmp_path / "emb"
    shutil.copytree(folder("skipgram"), emb)
    stored = load_file(emb / "training.safetensors")
    save_file({**stored, "token_counts": np.zeros_like(stored["token_counts"])}, emb / "training.safetensors")
    assert_error(cli("export", emb, "--to", "glove", "-o", tmp_path / "v"), 1, "no token")
