"""Fitting: what is learned, what is written, and that it can be done again."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

import tokit
from tests.support.engines import engine
from tests.support.packages import needs_gensim
from tests.support.program import Ran, assert_error
from tests.support.two_topics import FOR_LITTLE_TEXT, FRUIT, LIKE, METAL, fit, two_topics
from tokit.embedding import EMBEDDINGS
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.words.word_space import open_space
from tokit.ops.fit import fit_embedding
from tokit.progress import Progress
from tokit.storage import folder
from tokit.storage.embedding_manifest import EmbeddingManifest


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_words_of_one_topic_are_neighbors(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    fit(text, tokenizer, tmp_path / "emb", family=family, settings=FOR_LITTLE_TEXT[family])
    space = open_space(tmp_path / "emb")
    for topic in (FRUIT, METAL):
        for word in topic:
            assert {each.text for each in space.near(word, 4).neighbors} == set(topic) - {word}


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_folder_matches_its_manifest(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    report = fit(text, tokenizer, tmp_path / "emb", family=family)
    loaded = tokit.load_tokenizer(tokenizer)
    size = loaded.vocab_size
    vectors = load_file(tmp_path / "emb" / "model.safetensors")
    training = load_file(tmp_path / "emb" / "training.safetensors")
    manifest = folder.read_manifest(tmp_path / "emb", EmbeddingManifest)
    assert list(vectors) == ["embeddings"]
    assert vectors["embeddings"].shape == training["output"].shape == (size, 16)
    assert vectors["embeddings"].dtype == training["output"].dtype == np.float32
    assert training["token_counts"].sum() == report.tokens == 600 * 8
    assert training["document_frequencies"].max() <= 300
    seen = training["token_counts"] > 0
    assert seen.sum() == report.tokens_seen == 10
    assert (vectors["embeddings"][~seen] == 0).all()
    assert (vectors["embeddings"][seen] != 0).any(axis=1).all()
    assert manifest.tokenizer_sha256 == loaded.sha256
    assert manifest.params == dataclasses.asdict(EMBEDDINGS.get(family).Params())
    assert manifest.corpus.documents == 600
    # Without the line ends.
    assert manifest.corpus.bytes == text.stat().st_size - 600
    assert (manifest.fit.seed, manifest.fit.threads, manifest.reproducible) == (0, None, True)
    assert len(manifest.fit.losses) == (0 if family == "svd" else manifest.params["epochs"])
    assert folder.changed_files(tmp_path / "emb") == []


def test_one_thread_gives_the_same_bytes_in_another_process(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    script = (
        "import sys, tokit, tokit.embedding\n"
        "text, tokenizer, out = sys.argv[1:]\n"
        "for family in tokit.embedding.EMBEDDINGS:\n"
        "    corpus, folder = tokit.open_corpus([text]), f'{out}/{family}'\n"
        "    tokit.fit_embedding(corpus, tokenizer, folder, family=family, dim=8, threads=1)\n"
    )
    for seed in ("1", "2"):
        command = [sys.executable, "-W", "error", "-c", script, text, tokenizer, tmp_path / seed]
        ran = subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=False)
        # Nothing of gensim's own log shows either.
        assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
    files = sorted(file.relative_to(tmp_path / "1") for file in (tmp_path / "1").rglob("*") if file.is_file())
    assert len(files) == len(list(EMBEDDINGS)) * 8
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes(), file


def test_another_seed_gives_other_vectors(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    for seed in (0, 1):
        fit(text, tokenizer, tmp_path / str(seed), seed=seed)
    assert (load_embedding(tmp_path / "0").vectors != load_embedding(tmp_path / "1").vectors).any()


def test_more_threads_say_that_they_are_not_reproducible(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    report = fit(text, tokenizer, tmp_path / "emb", threads=2)
    manifest = folder.read_manifest(tmp_path / "emb", EmbeddingManifest)
    assert not report.reproducible
    assert manifest.reproducible is False
    assert "--threads 1" in manifest.not_reproducible_because


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_deterministic_is_the_same_for_any_threads(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    for threads in (1, 2, 5):
        out = tmp_path / str(threads)
        assert fit(text, tokenizer, out, family=family, threads=threads, deterministic=True).reproducible
        assert (out / "model.safetensors").read_bytes() == (tmp_path / "1" / "model.safetensors").read_bytes()
        assert (out / "training.safetensors").read_bytes() == (tmp_path / "1" / "training.safetensors").read_bytes()
    fit(text, tokenizer, tmp_path / "plain", family=family)
    assert (tmp_path / "plain" / "model.safetensors").read_bytes() == (
        tmp_path / "1" / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext"])
@pytest.mark.parametrize("name", ["kernels", pytest.param("reference", marks=needs_gensim)])
def test_unknown_words_are_skipped(text: Path, tokenizer: Path, tmp_path: Path, family: str, name: str) -> None:
    lines = text.read_text("utf-8").splitlines()
    (tmp_path / "plain.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Without a random choice of tokens, what is drawn hangs on nothing but the tokens that are learned.
    settings = {"sample": 0, "epochs": 1}
    (tmp_path / "more.txt").write_text("\n".join(line.replace(" ", " qqq ") for line in lines) + "\n", encoding="utf-8")
    with engine(name):
        for out in ("plain", "more"):
            fit(tmp_path / f"{out}.txt", tokenizer, tmp_path / out, family=family, settings=settings, threads=1)
    plain, more = (load_embedding(tmp_path / out) for out in ("plain", "more"))
    assert not more.vectors[more.unknown_id].any()
    assert np.corrcoef(plain.vectors.ravel(), more.vectors.ravel())[0, 1] > LIKE


@needs_gensim
def test_reference_engine_trains(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with engine("reference"):
        fit(text, tokenizer, tmp_path / "theirs")
    fit(text, tokenizer, tmp_path / "ours")
    engines = [folder.read_manifest(tmp_path / name, EmbeddingManifest).fit.engine for name in ("theirs", "ours")]
    assert engines == ["gensim", "kernels"]


@pytest.mark.parametrize(
    "family",
    ["glove", "svd", *(pytest.param(family, marks=needs_gensim) for family in ("skipgram", "cbow", "fasttext"))],
)
def test_family_without_a_reference_refuses_the_reference_engine(
    cli: Callable[..., Ran], text: Path, tokenizer: Path, tmp_path: Path, family: str
) -> None:
    ran = cli("fit", family, text, "-t", tokenizer, "-d", 4, "-o", tmp_path / "emb", "--engine", "reference")
    if family in ("glove", "svd"):
        assert_error(ran, 2, f"{family} has no reference engine", "--engine")
        assert not (tmp_path / "emb").exists()
    else:
        assert ran.code == 0, ran.err
        assert folder.read_manifest(tmp_path / "emb", EmbeddingManifest).fit.engine == "gensim"


def test_the_corpus_is_read_once(text: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = tokit.open_corpus([str(text)])
    passes = []
    raw_blocks = corpus.raw_blocks
    monkeypatch.setattr(corpus, "raw_blocks", lambda: passes.append(1) or raw_blocks())
    fit_embedding(corpus, tokenizer, tmp_path / "emb", dim=4, threads=1)
    assert passes == [1]


def test_tokens_after_the_ten_thousandth_are_learned(tokenizer: Path, tmp_path: Path) -> None:
    text = tmp_path / "long.txt"
    # One document: gensim would stop at its 10,000th token, which is filler.
    text.write_text("gold " * 12_000 + two_topics().replace("\n", " ") + "\n", encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), tmp_path / "tok", family="word")
    settings = {"epochs": 20, "sample": 0, "learning_rate": 0.05, "window": 2}
    report = fit(text, tmp_path / "tok", tmp_path / "emb", settings=settings)
    assert (report.documents, report.tokens) == (1, 12_000 + 600 * 8)
    near = open_space(tmp_path / "emb").near("plum", 4)
    assert {each.text for each in near.neighbors} == set(FRUIT) - {"plum"}


def test_a_byte_pair_tokenizer_keeps_its_special_text_ordinary(tmp_path: Path, text: Path) -> None:
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), tmp_path / "tok", vocab_sizes=[300])
    tricky = tmp_path / "tricky.txt"
    tricky.write_text("<|endoftext|> <|pad|> apple\n" * 5, encoding="utf-8")
    fit(tricky, tmp_path / "tok", tmp_path / "emb")
    embedding = load_embedding(tmp_path / "emb")
    assert embedding.special.sum() == 5
    assert embedding.token_counts[embedding.special].sum() == 0


def test_losses_fall_and_words_are_counted(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    reports: list[Progress] = []
    report = fit(text, tokenizer, tmp_path / "emb", settings={"epochs": 10, "sample": 0}, tick=reports.append)
    fitting = [each for each in reports if each.stage == "fitting"]
    assert fitting[-1].done == fitting[-1].total == 10 * 600 * 8
    assert "words/s" in fitting[-1].note
    assert "loss" in fitting[-1].note
    assert len(report.losses) == 10
    assert report.losses[-1] < report.losses[0]
    assert report.words_per_second > 0
