"""Without gensim, only what it is the reference or the source of fails: with an error that names it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import tokit
from tests.support.program import Ran, assert_error

Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_gensim(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gensim"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gensim", None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    (folder / "text.txt").write_text("the cat sat\nthe dog ran to the cat\n" * 20, encoding="utf-8")
    corpus = tokit.open_corpus([str(folder / "text.txt")])
    tokit.train_tokenizer(corpus, folder / "tok", family="word", vocab_sizes=())
    tokit.fit_embedding(corpus, folder / "tok", folder / "emb", dim=4, threads=1)
    return folder


@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext", "glove", "svd"])
def test_every_family_trains(home: Path, tmp_path: Path, family: str) -> None:
    corpus = tokit.open_corpus([str(home / "text.txt")])
    tokit.fit_embedding(corpus, home / "tok", tmp_path / "emb", family=family, dim=4, threads=1)


@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext"])
def test_the_reference_engine_names_gensim(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setenv("TOKIT_ENGINE", "reference")
    corpus = tokit.open_corpus([str(home / "text.txt")])
    with pytest.raises(tokit.errors.MissingPackageError, match=r"--engine reference .* needs gensim") as error:
        tokit.fit_embedding(corpus, home / "tok", tmp_path / "emb", family=family, dim=4, threads=1)
    assert "pip install gensim" in error.value.hint
    assert not (tmp_path / "emb").exists()


@pytest.mark.parametrize("name", ["word2vec", "word2vec-binary", "glove", "fasttext"])
def test_exports_are_written_but_not_verified(cli: Cli, home: Path, tmp_path: Path, name: str) -> None:
    assert cli("export", home / "emb", "--to", name, "-o", tmp_path / "vectors", "-q").code == 0
    ran = cli("export", home / "emb", "--to", name, "-o", tmp_path / "verified", "--verify")
    assert_error(ran, 1, "--verify of this format needs gensim", "pip install gensim")
    assert not (tmp_path / "verified").exists()


def test_npy_is_verified(cli: Cli, home: Path, tmp_path: Path) -> None:
    assert cli("export", home / "emb", "--to", "npy", "-o", tmp_path / "vectors.npy", "--verify", "-q").code == 0


def test_evaluation_sets_of_gensim(cli: Cli, home: Path, tmp_path: Path) -> None:
    assert_error(
        cli("eval", "-e", home / "emb", "--task", "wordsim353"), 1, "'wordsim353' comes with gensim", "pip install"
    )
    (tmp_path / "pairs.csv").write_text("the,cat,1\nthe,dog,2\ncat,dog,3\n", encoding="utf-8")
    assert cli("eval", "-e", home / "emb", "--task", tmp_path / "pairs.csv").code == 0
