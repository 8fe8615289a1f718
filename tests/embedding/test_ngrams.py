"""n-grams: fastText's own, kept by fit and by import, and read back by the part."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file

import tokit
from tests.support.engines import engine
from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tests.support.texts import HOSTILE_TEXTS, TEXTS
from tokit.embedding.embedding_folder import load_embedding, load_ngrams
from tokit.embedding.families.fasttext import FastTextParams, ngram_buckets, ngram_text
from tokit.embedding.ngrams import NgramTable
from tokit.embedding.words.word_space import open_space
from tokit.errors import ArtifactError
from tokit.ops.fit import fit_embedding
from tokit.storage.safetensors import SelectedRows, mapped_tensor, write_tensors
from tokit.text.pipeline import PipelineOptions
from tokit.tokenizer.load import load_tokenizer

Cli = Callable[..., Ran]
SENTENCES = ["water größe 日本語 the the", "the waters cold a", "naïve cafe\u0301 👩‍👩‍👧 the water"] * 20
UNKNOWN = ["watering", "größer", "日本", "e\u0301", "👩‍👧", "zzzz", "x" * 300]


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("\n".join(SENTENCES) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def folder(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """An embedding with n-grams on a tokenizer of some family, fitted when first asked for."""
    root = tmp_path_factory.mktemp("ngrams")

    def fitted(family: str = "word", engine_name: str = "kernels") -> Path:
        out = root / f"{family}-{engine_name}"
        if not out.exists():
            tokit.train_tokenizer(
                tokit.open_corpus([str(text)]), root / f"tok-{out.name}", family=family,
                vocab_sizes=(300,) if family == "bpe" else (),
            )  # fmt: skip
            with engine(engine_name):
                fit_embedding(
                    tokit.open_corpus([str(text)]), root / f"tok-{out.name}", out, family="fasttext", dim=12,
                    threads=1, settings={"bucket": 2000, "sample": 0},
                )  # fmt: skip
        return out

    return fitted


def model_of_fasttext(text: Path, path: Path) -> Any:
    """A model that the library trains, and what it loads from its own file."""
    fasttext = fasttext_library()
    # Each thread sets a tenth of the table, rounded down: with fewer than ten threads, or a number of cells that ten
    # does not divide, the rest is whatever memory held.
    model = fasttext.train_unsupervised(
        str(text), dim=10, minCount=1, bucket=2000, epoch=20, t=1, thread=10, minn=2, maxn=5, verbose=0
    )
    model.save_model(str(path))
    return model


def fasttext_library() -> Any:
    pytest.importorskip("fasttext")
    return importlib.import_module("fasttext")


@given(texts=st.lists(TEXTS, max_size=6), shortest=st.integers(1, 4), more=st.integers(0, 4))
def test_python_and_kernel_hash_alike(texts: list[str], shortest: int, more: int) -> None:
    params = FastTextParams(minn=shortest, maxn=shortest + more, bucket=12_345)
    found = []
    for name in ("kernels", "reference"):
        with engine(name):
            found.append(ngram_buckets([*texts, *HOSTILE_TEXTS], params))
    np.testing.assert_array_equal(found[0].rows, found[1].rows)
    np.testing.assert_array_equal(found[0].ends, found[1].ends)


@pytest.fixture(scope="module")
def peer(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return model_of_fasttext(text, tmp_path_factory.mktemp("peer") / "model.bin")


@given(word=TEXTS)
def test_hash_is_that_of_the_fasttext_library(peer: Any, word: str) -> None:
    # It cuts at a NUL, has no n-grams of its end of line, and knows words.
    if "\0" in word or word == "</s>" or peer.get_word_id(word) >= 0:
        return
    _, rows = peer.get_subwords(word)
    found = ngram_buckets([word], FastTextParams(minn=2, maxn=5, bucket=2000))
    assert (np.array(rows) - len(peer.get_words())).tolist() == found.rows.tolist()


@pytest.mark.parametrize("engine_name", ["kernels", pytest.param("reference", marks=needs_gensim)])
@pytest.mark.parametrize("family", ["word", "bpe"])
def test_a_row_is_the_mean_of_its_own_and_its_ngrams(
    folder: Callable[..., Path], family: str, engine_name: str
) -> None:
    path = folder(family, engine_name)
    embedding, table = load_embedding(path), load_ngrams(path)
    assert table is not None
    assert (table.minn, table.maxn, table.bucket) == (3, 6, 2000)
    stored = load_file(path / "training.safetensors")
    assert stored["own"].dtype == stored["ngrams"].dtype == np.float32
    assert stored["ngram_buckets"].dtype == np.uint32
    assert (np.diff(stored["ngram_buckets"].astype(np.int64)) > 0).all()
    np.testing.assert_array_equal(stored["ngrams"], table.ngrams[:])
    pieces = load_tokenizer(path / "tokenizer.json").pieces
    rows = {int(bucket): row for bucket, row in zip(stored["ngram_buckets"], stored["ngrams"], strict=True)}
    used = set()
    for i, (vector, own) in enumerate(zip(embedding.vectors, stored["own"], strict=True)):
        if not embedding.seen[i]:
            assert not own.any()
            continue
        buckets = ngram_buckets([ngram_text(pieces, i)], table).rows.tolist()
        used |= {*buckets}
        np.testing.assert_allclose(vector, np.mean([own, *(rows[each] for each in buckets)], axis=0), atol=1e-6)
    assert used == set(rows)


def test_families_without_ngrams_keep_none(text: Path, folder: Callable[..., Path], tmp_path: Path) -> None:
    tokenizer = folder("word").parent / "tok-word-kernels"
    fit_embedding(tokit.open_corpus([str(text)]), tokenizer, tmp_path / "emb", dim=4, threads=1)
    assert load_ngrams(tmp_path / "emb") is None


def test_ngrams_that_do_not_fit_are_refused(folder: Callable[..., Path], tmp_path: Path) -> None:
    import shutil

    out = tmp_path / "emb"
    shutil.copytree(folder("word"), out)
    stored = load_file(out / "training.safetensors")
    for name, broken in (("own", stored["own"][1:]), ("ngram_buckets", stored["ngram_buckets"][::-1])):
        write_tensors(out / "training.safetensors", {**stored, name: broken})
        with pytest.raises(ArtifactError):
            load_ngrams(out)
    (out / "training.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(ArtifactError):
        load_ngrams(out)


def test_import_gives_the_vectors_of_the_fasttext_library(cli: Cli, text: Path, tmp_path: Path) -> None:
    model = model_of_fasttext(text, tmp_path / "model.bin")
    ran = cli("import", tmp_path / "model.bin", "-o", tmp_path / "emb", "--pre-tokenizer", "whitespace-split")
    assert (ran.code, "2,000 n-grams" in ran.err) == (0, True)
    embedding, table = load_embedding(tmp_path / "emb"), load_ngrams(tmp_path / "emb")
    assert table is not None
    pieces = load_tokenizer(tmp_path / "emb" / "tokenizer.json").pieces
    known = {word: i for i, word in enumerate(pieces.texts)}
    words = model.get_words()
    assert {"größe", "日本語", "cafe\u0301", "👩‍👩‍👧"} <= {*words}
    for word in words:
        np.testing.assert_allclose(embedding.vectors[known[word]], model.get_word_vector(word), atol=1e-6)
    for word, (vector, rows) in zip(UNKNOWN, table.compose(UNKNOWN), strict=True):
        np.testing.assert_allclose(vector, model.get_word_vector(word), atol=1e-6)
        assert rows == len(model.get_subwords(word)[1])
    stored = load_file(tmp_path / "emb" / "training.safetensors")
    np.testing.assert_array_equal(stored["output"][known["water"]], model.get_output_matrix()[words.index("water")])
    np.testing.assert_array_equal(stored["own"][known["water"]], model.get_input_matrix()[words.index("water")])


def test_import_without_ngrams(cli: Cli, text: Path, tmp_path: Path) -> None:
    model_of_fasttext(text, tmp_path / "model.bin")
    assert cli("import", tmp_path / "model.bin", "-o", tmp_path / "emb", "--no-ngrams", "-q").code == 0
    assert load_ngrams(tmp_path / "emb") is None
    assert_error(cli("import", tmp_path / "model.bin", "-o", tmp_path / "emb", "--no-ngram"), 2, "--no-ngrams")


def test_words_without_any_row_are_zeros() -> None:
    none = np.empty((0, 3), dtype=np.float32)
    table = NgramTable(none, none, np.empty(0, dtype=np.uint32), 3, 6, 100)
    assert [(vector.tolist(), rows) for vector, rows in table.compose(["abc", ""])] == [([0, 0, 0], 0)] * 2
    assert list(table.compose([])) == []


def test_tensors_are_written_by_the_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tokit.storage.safetensors.BYTES_AT_ONCE", 20)
    table = np.arange(30, dtype=np.float32).reshape(10, 3)
    selected = SelectedRows(table, np.array([9, -1, 0, 4]))
    tensors = {
        "c": np.arange(7, dtype=np.uint32), "rows": selected, "none": table[:0], "n": np.arange(3),
        "f": np.arange(3) / 7, "number": np.array(5),
    }  # fmt: skip
    write_tensors(tmp_path / "t", tensors, {"job": '{"seed": "ü"}'})
    with safe_open(tmp_path / "t", framework="numpy") as file:
        assert file.metadata() == {"job": '{"seed": "ü"}'}
    stored = load_file(tmp_path / "t")
    np.testing.assert_array_equal(stored["rows"], [table[9], [0, 0, 0], table[0], table[4]])
    for name, value in stored.items():
        mapped = mapped_tensor(tmp_path / "t", name)
        assert mapped is not None
        np.testing.assert_array_equal(mapped, value)
    assert stored["none"].shape == (0, 3)
    assert mapped_tensor(tmp_path / "t", "missing") is None


def exported(cli: Cli, emb: Path, path: Path) -> Any:
    """The library's model of a file that export wrote."""
    fasttext = fasttext_library()
    assert cli("export", emb, "--to", "fasttext", "-o", path, "-q").code == 0
    return fasttext.load_model(str(path))


@pytest.mark.parametrize(("family", "before"), [("word", ""), ("bpe", " ")])
def test_near_composes_as_fasttext_does(
    cli: Cli, folder: Callable[..., Path], tmp_path: Path, family: str, before: str
) -> None:
    model = exported(cli, folder(family), tmp_path / "emb.bin")
    space = open_space(folder(family))
    for word in ("watering", "größer", "coldest"):
        query = space.look_up(word)
        assert (query.composed, query.ids, query.ngrams > 0) == (True, (), True)
        np.testing.assert_allclose(space.vector(query), model.get_word_vector(before + word), atol=1e-6)
    # One that is a token has its own, and a phrase the mean of its words.
    assert space.look_up("the").ngrams == 0
    assert space.look_up("cold water").ngrams == 0


def test_near_names_the_pieces_of_a_composed_word(cli: Cli, folder: Callable[..., Path]) -> None:
    ran = cli("near", "watering", "-e", folder(), "-k", 2)
    assert (ran.code, "the mean of its n-grams stands for it (" in ran.err) == (0, True)
    assert "water" in ran.text
    assert cli("analogy", "water", "waters", "watering", "-e", folder()).code == 0
    table = load_ngrams(folder())
    assert table is not None
    # With so few buckets an n-gram may well share one that was seen.
    strange = next(word for word in map(chr, range(0x4E00, 0x4F00)) if not next(table.compose([word]))[1])
    assert_error(cli("near", strange, "-e", folder()), 1, f"'{strange}' is unknown")


def test_a_normalizer_comes_before_the_ngrams(cli: Cli, text: Path, tmp_path: Path) -> None:
    corpus = tokit.open_corpus([str(text)])
    tokit.train_tokenizer(corpus, tmp_path / "tok", family="word", pipeline=PipelineOptions(normalizers=("lowercase",)))
    fit_embedding(
        tokit.open_corpus([str(text)]), tmp_path / "tok", tmp_path / "emb", family="fasttext", dim=6, threads=1
    )
    space = open_space(tmp_path / "emb")
    upper, lower = (space.vector(space.look_up(word)) for word in ("WATERING", "watering"))
    np.testing.assert_array_equal(upper, lower)


def test_eval_composes_from_ngrams_or_from_pieces(cli: Cli, folder: Callable[..., Path], tmp_path: Path) -> None:
    pairs = tmp_path / "pairs.csv"
    pairs.write_text("water,waters,9\nwatering,water,8\ncolder,cold,7\nthe,größer,1\ncold,the,2\n", encoding="utf-8")
    for rule, found, composed, legend in (
        ("compose", 5, 3, "composed from n-grams"),
        ("pieces", 2, 0, "composed from pieces"),
    ):
        ran = cli("eval", "-e", folder(), "--task", pairs, "--oov", rule, "--resamples", 20, "--csv")
        row = dict(zip(*[line.split(",") for line in ran.text.splitlines()], strict=True))
        assert (int(row["found"]), int(row["composed"])) == (found, composed)
        assert legend in ran.err
