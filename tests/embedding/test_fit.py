"""Fitting: what is learned, what is written, and that it can be done again."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

import tokit
from tests.support.engines import engine
from tests.support.program import Ran, assert_error
from tokit.arrays import Ids, Pieces
from tokit.embedding import EMBEDDINGS
from tokit.embedding.base import FitJob
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.families.fasttext import FastTextParams, ngram_buckets, ngram_rows, ngram_text
from tokit.embedding.static_fit import FitReport
from tokit.embedding.train import word2vec
from tokit.embedding.words.word_space import open_space
from tokit.errors import ArtifactError, CorpusError, TrainingError, UsageError
from tokit.ids.stream import IdStream
from tokit.ops.fit import fit_embedding
from tokit.progress import Progress
from tokit.storage import folder
from tokit.storage.embedding_manifest import EmbeddingManifest
from tokit.storage.training_state import Checkpoints

# How much alike two trainings of one text are that draw other random numbers.
LIKE = 0.98
FRUIT = ["apple", "pear", "plum", "cherry", "grape"]
METAL = ["iron", "copper", "zinc", "silver", "tin"]
WINDOWED = {"epochs": 20, "sample": 0, "learning_rate": 0.05}
# What a family needs to tell the two apart.
FOR_LITTLE_TEXT: dict[str, dict[str, Any]] = {
    "skipgram": WINDOWED,
    "cbow": WINDOWED,
    "fasttext": WINDOWED,
    "glove": {"learning_rate": 0.2},
    "svd": {"power": 0.5},
}


def two_topics(lines: int = 600) -> str:
    """Words of one kind stand only beside words of their kind."""
    draw = np.random.default_rng(0)
    return "\n".join(" ".join(draw.choice(FRUIT if n % 2 else METAL, size=8)) for n in range(lines)) + "\n"


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("text") / "topics.txt"
    file.write_text(two_topics(), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def tokenizer(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("tokenizer") / "tok"
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), out, family="word")
    return out


def fit(text: Path, tokenizer: Path, out: Path, **options: Any) -> FitReport:
    return fit_embedding(tokit.open_corpus([str(text)]), tokenizer, out, **{"dim": 16, "threads": 1, **options})


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_words_of_one_topic_are_neighbors(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    fit(text, tokenizer, tmp_path / "emb", family=family, settings=FOR_LITTLE_TEXT[family])
    space = open_space(tmp_path / "emb")
    for topic in (FRUIT, METAL):
        for word in topic:
            assert {each.text for each in space.near(word, 4).neighbors} == set(topic) - {word}


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_the_folder_holds_what_it_says(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
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
    assert (manifest.fit.seed, manifest.fit.threads, manifest.reproducible) == (0, 1, True)
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
    assert len(files) == len(list(EMBEDDINGS)) * 7
    for file in files:
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes(), file


def test_the_seed_matters(text: Path, tokenizer: Path, tmp_path: Path) -> None:
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


KILLED = """
import os, sys, tokit
from tokit.storage.training_state import Checkpoints
save, left = Checkpoints.save, int(sys.argv[4])

def counted(self, *arguments):
    global left
    save(self, *arguments)
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)

Checkpoints.save = counted
tokit.fit_embedding(
    tokit.open_corpus([sys.argv[1]]), sys.argv[2], sys.argv[3], family=sys.argv[5], dim=8, deterministic=True,
    checkpoint_every=2000, resume=True,
)
"""


@pytest.mark.parametrize("family", ["skipgram", "fasttext", "glove"])
def test_a_killed_run_ends_in_the_same_bytes(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    fit(text, tokenizer, tmp_path / "whole", family=family, dim=8)
    out, scratch = tmp_path / "emb", tmp_path / "scratch"
    scratch.mkdir()
    for kills in (1, 3, 2):
        command = [sys.executable, "-c", KILLED, text, tokenizer, out, str(kills), family]
        killed = subprocess.run(command, env={**os.environ, "TMPDIR": str(scratch)}, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert not any(scratch.iterdir())
        assert not out.exists()
        assert (tmp_path / "emb.checkpoint").exists()
    fit(text, tokenizer, out, family=family, dim=8, resume=True)
    for name in ("model.safetensors", "training.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert folder.read_manifest(out, EmbeddingManifest).fit.losses == (
        folder.read_manifest(tmp_path / "whole", EmbeddingManifest).fit.losses
    )
    assert sorted(each.name for each in tmp_path.iterdir()) == ["emb", "scratch", "whole"]


def test_a_checkpoint_lies_beside_the_folder_whatever_it_is_called(
    text: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "emb").mkdir()
    monkeypatch.chdir(tmp_path / "emb")
    paths: list[Path] = []
    save = Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, *state: paths.append(self.path) or save(self, *state))
    fit(text, tokenizer, Path(), dim=4, checkpoint_every=2000)
    assert set(paths) == {tmp_path / "emb.checkpoint"}
    assert load_embedding(tmp_path / "emb").vectors.any()
    assert [each.name for each in tmp_path.iterdir()] == ["emb"]


def test_a_checkpoint_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    arrays = {"inputs": np.ones(1 << 22, dtype=np.float32), "lost": np.zeros((3, 2))}
    checkpoints = Checkpoints(tmp_path / "emb.checkpoint", 1, "job", resume=True)
    tracemalloc.start()
    checkpoints.save(arrays, 7)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < arrays["inputs"].nbytes / 8
    found = checkpoints.load()
    assert found is not None and found[1] == 7
    assert all((found[0][name] == array).all() for name, array in arrays.items())


def test_a_checkpoint_of_another_training_is_refused(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, text, tokenizer, tmp_path / "emb", "1", "skipgram"]
    subprocess.run(command, check=False)
    with pytest.raises(ArtifactError, match="another training"):
        fit(text, tokenizer, tmp_path / "emb", dim=8, seed=1, resume=True)
    (tmp_path / "emb.checkpoint").write_bytes(b"no tensors")
    with pytest.raises(ArtifactError, match="cannot be read"):
        fit(text, tokenizer, tmp_path / "emb", dim=8, resume=True)


def test_a_checkpoint_of_the_same_text_in_another_order_is_refused(
    text: Path, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = tmp_path / "more.txt"
    more.write_text("plum pear\niron zinc tin\n", encoding="utf-8")
    options: dict[str, Any] = {"dim": 8, "threads": 1, "checkpoint_every": 2000, "resume": True}

    def fit_on(*files: Path) -> FitReport:
        return fit_embedding(tokit.open_corpus(list(map(str, files))), tokenizer, tmp_path / "emb", **options)

    save = Checkpoints.save

    def save_and_stop(checkpoints: Checkpoints, *state: Any) -> None:
        save(checkpoints, *state)
        raise InterruptedError

    monkeypatch.setattr(Checkpoints, "save", save_and_stop)
    with pytest.raises(InterruptedError):
        fit_on(text, more)
    monkeypatch.undo()
    with pytest.raises(ArtifactError, match="another training"):
        fit_on(more, text)
    assert fit_on(text, more).reproducible


def test_what_a_kill_left_of_a_checkpoint_is_no_hindrance(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, text, tokenizer, tmp_path / "emb", "2", "glove"], check=False)
    half = (tmp_path / "emb.checkpoint").read_bytes()[:1000]
    (tmp_path / "emb.checkpoint.new").write_bytes(half)
    fit(text, tokenizer, tmp_path / "emb", family="glove", dim=8, checkpoint_every=100, resume=True)
    fit(text, tokenizer, tmp_path / "whole", family="glove", dim=8)
    assert load_embedding(tmp_path / "emb").vectors.tobytes() == load_embedding(tmp_path / "whole").vectors.tobytes()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["emb", "whole"]


def test_a_factorisation_keeps_no_checkpoints(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="svd keeps no checkpoints"):
        fit(text, tokenizer, tmp_path / "emb", family="svd", checkpoint_every=1000)


def test_the_reference_keeps_no_checkpoints(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with engine("reference"), pytest.raises(UsageError, match="keeps no checkpoints"):
        fit(text, tokenizer, tmp_path / "emb", resume=True)
    with pytest.raises(UsageError, match="not a positive number"):
        fit(text, tokenizer, tmp_path / "emb", checkpoint_every=0)


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_unknown_words_alone_are_an_error(text: Path, tokenizer: Path, tmp_path: Path, family: str) -> None:
    (tmp_path / "other.txt").write_text("qqq www eee\n" * 9, encoding="utf-8")
    with pytest.raises(TrainingError, match="no two tokens"):
        fit(tmp_path / "other.txt", tokenizer, tmp_path / "emb", family=family)
    (tmp_path / "mixed.txt").write_text("apple qqq pear\niron www tin\n" * 9, encoding="utf-8")
    fit(tmp_path / "mixed.txt", tokenizer, tmp_path / "emb", family=family)
    embedding = load_embedding(tmp_path / "emb")
    assert embedding.unknown_id is not None
    assert embedding.token_counts[embedding.unknown_id] == 18
    assert not embedding.vectors[embedding.unknown_id].any()
    assert embedding.vectors.any()


@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext"])
@pytest.mark.parametrize("name", ["kernels", "reference"])
def test_unknown_words_are_passed_over(text: Path, tokenizer: Path, tmp_path: Path, family: str, name: str) -> None:
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


def test_the_reference_can_be_asked_for(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    with engine("reference"):
        fit(text, tokenizer, tmp_path / "theirs")
    fit(text, tokenizer, tmp_path / "ours")
    engines = [folder.read_manifest(tmp_path / name, EmbeddingManifest).fit.engine for name in ("theirs", "ours")]
    assert engines == ["gensim", "kernels"]


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_a_family_without_a_reference_refuses_to_be_trained_by_one(
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


def test_what_lies_behind_ten_thousand_tokens_is_learned(tokenizer: Path, tmp_path: Path) -> None:
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


def pieces(*texts: str) -> Pieces:
    return Pieces(tuple(f"name{i}" for i in range(len(texts))), texts, np.zeros(len(texts), dtype=np.bool_))


def test_ngrams_are_those_of_the_texts() -> None:
    from gensim.models.fasttext import ft_ngram_hashes

    params = FastTextParams(minn=3, maxn=4, bucket=50_000)
    table = pieces(" king", " kingdom", "xyz", "unseen")
    ngrams, used = ngram_rows(table, np.array([0, 1, 2]), params)
    rows = np.split(ngrams.rows, ngrams.ends[:-1])
    sets = [set(each.tolist()) for each in rows]
    # "< k", " ki", "kin", "ing" and "< ki", " kin", "king" are in both.
    assert len(sets[0] & sets[1]) == 7
    assert not sets[2] & (sets[0] | sets[1])
    assert set().union(*sets) == set(range(len(used)))
    assert (np.diff(used.astype(np.int64)) > 0).all()
    assert len(rows[0]) == len(ft_ngram_hashes(" king", 3, 4, 50_000))


@given(texts=st.lists(st.text(max_size=12), min_size=1, max_size=5), shortest=st.integers(1, 3), more=st.integers(0, 4))
def test_buckets_are_those_of_fasttext(texts: list[str], shortest: int, more: int) -> None:
    from gensim.models.fasttext import ft_ngram_hashes

    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    found = ngram_buckets(texts, FastTextParams(minn=shortest, maxn=shortest + more, bucket=1 << 20))
    expected = [ft_ngram_hashes(text, shortest, shortest + more, 1 << 20) for text in texts]
    assert [each.tolist() for each in np.split(found.rows, found.ends[:-1])] == expected


def test_ngrams_of_broken_bytes_are_those_of_the_name() -> None:
    table = pieces(" king", "\ufffd", "")
    assert [ngram_text(table, i) for i in range(3)] == [" king", "name1", "name2"]


def test_spelling_brings_fasttext_vectors_together(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    # Each word has neighbors of its own: only their spelling can make two of them alike.
    lines = [
        f"{word} {'abcdefgh'[n] * 3} {'abcdefgh'[n] * 5}\n" for n, word in enumerate(["running", "runnings", "quality"])
    ]
    text.write_text("".join(lines) * 40, encoding="utf-8")
    tokit.train_tokenizer(tokit.open_corpus([str(text)]), tmp_path / "tok", family="word")
    fit(text, tmp_path / "tok", tmp_path / "emb", family="fasttext", settings={"sample": 0, "epochs": 10})
    cosines = {each.text: each.similarity for each in open_space(tmp_path / "emb").near("running").neighbors}
    # gensim's model of this text has 0.83 to 0.85 and 0.05 to 0.11.
    assert cosines["runnings"] > 0.7
    assert cosines["quality"] < 0.3


def job(documents: list[list[int]], family: str = "skipgram", vocab_size: int = 4) -> FitJob:
    ids = Ids.of(documents)
    counts = np.bincount(ids.data, minlength=vocab_size)
    return FitJob(
        ids=IdStream(ids.data, ids.ends),
        pieces=pieces(*"abcd"),
        counts=counts,
        dim=4,
        params=EMBEDDINGS.get(family).Params(),
    )


@pytest.mark.parametrize("family", list(EMBEDDINGS))
@pytest.mark.parametrize("documents", [[], [[]], [[1]], [[1], [], [2], [3]]])
def test_text_without_neighbors_is_an_error(family: str, documents: list[list[int]]) -> None:
    with pytest.raises(TrainingError, match=r"no token|none has a neighbor"):
        EMBEDDINGS.get(family).fit(job(documents, family))


@pytest.mark.parametrize("family", ["skipgram", "cbow", "glove"])
def test_a_single_distinct_token_can_be_fitted(family: str) -> None:
    fitted = EMBEDDINGS.get(family).fit(job([[2] * 50], family))
    assert fitted.vectors.any(axis=1).tolist() == [False, False, True, False]


def test_an_error_in_a_worker_is_raised_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Any, _longest: int) -> Any:
        yield [1, 2]
        raise RuntimeError("the disk went away")

    monkeypatch.setattr(IdStream, "sentences", broken)
    with pytest.raises(RuntimeError, match="went away"):
        EMBEDDINGS.get("skipgram").fit(dataclasses.replace(job([[1, 2, 3]]), reference=True))
    monkeypatch.undo()

    def tick(_: Progress) -> None:
        raise RuntimeError("no terminal")

    with pytest.raises(RuntimeError, match="no terminal"):
        EMBEDDINGS.get("cbow").fit(dataclasses.replace(job([[1, 2, 3]]), tick=tick))


def test_a_stopped_job_ends_soon() -> None:
    stopped = job([[1, 2, 3] * 1000] * 200)
    stopped.stop.set()
    seconds: list[float] = []
    thread = threading.Thread(target=lambda: seconds.append(EMBEDDINGS.get("skipgram").fit(stopped).words_per_second))
    thread.start()
    thread.join(20)
    assert seconds == [0.0]


def test_a_diverged_training_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word2vec.Table, "rows", lambda table, _counts: np.full(table.vectors.shape, np.nan))
    with pytest.raises(TrainingError, match="diverged"):
        EMBEDDINGS.get("skipgram").fit(job([[1, 2, 3]]))


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("skipgarm", {}, "unknown embedding"),
        ("skipgram", {"windw": "5"}, "unknown parameter"),
        ("skipgram", {"window": "0"}, "window"),
        ("skipgram", {"window": "20000"}, "window"),
        ("skipgram", {"negative": "0"}, "negative"),
        ("skipgram", {"epochs": "0"}, "epochs"),
        ("skipgram", {"epochs": "9" * 30}, "epochs"),
        ("glove", {"epochs": "9" * 30}, "epochs"),
        ("skipgram", {"sample": "1"}, "sample"),
        ("skipgram", {"learning_rate": "0"}, "learning_rate"),
        ("skipgram", {"learning_rate": "inf"}, "learning_rate"),
        ("skipgram", {"learning_rate": "nan"}, "learning_rate"),
        ("skipgram", {"min_learning_rate": "0.5"}, "min_learning_rate"),
        ("fasttext", {"minn": "7"}, "minn"),
        ("fasttext", {"maxn": str(1 << 64)}, "maxn"),
        ("glove", {"window": "20000"}, "window"),
        ("glove", {"x_max": "0"}, "x_max"),
        ("glove", {"learning_rate": "nan"}, "learning_rate"),
        ("svd", {"weighting": "dynamc"}, "weighting"),
        ("svd", {"shift": "0"}, "shift"),
        ("svd", {"power": "2"}, "power"),
        ("svd", {"sample": "1"}, "sample"),
        ("svd", {"memory": "0"}, "memory"),
        ("fasttext", {"bucket": str(1 << 32)}, "bucket"),
    ],
)
def test_settings_that_cannot_be_meant(
    tmp_path: Path, text: Path, tokenizer: Path, family: str, settings: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        fit(text, tokenizer, tmp_path / "emb", family=family, settings=settings)
    assert not (tmp_path / "emb").exists()


@pytest.mark.parametrize("options", [{"dim": 0}, {"dim": -3}, {"dim": 10**19}, {"seed": -1}, {"seed": 1 << 32}])
def test_numbers_out_of_range(tmp_path: Path, text: Path, tokenizer: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"dim|seed"):
        fit(text, tokenizer, tmp_path / "emb", **options)


def test_an_empty_corpus_leaves_nothing(tmp_path: Path, tokenizer: Path) -> None:
    (tmp_path / "empty.txt").touch()
    with pytest.raises(CorpusError, match="empty"):
        fit(tmp_path / "empty.txt", tokenizer, tmp_path / "emb")
    assert [file.name for file in tmp_path.iterdir()] == ["empty.txt"]


def test_an_embedding_is_not_replaced_unasked(tmp_path: Path, text: Path, tokenizer: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    with pytest.raises(ArtifactError, match="exists"):
        fit(text, tokenizer, tmp_path / "emb")
    fit(text, tokenizer, tmp_path / "emb", dim=4, overwrite=True)
    assert load_embedding(tmp_path / "emb").vectors.shape[1] == 4


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors", "tokit.json"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_folder_is_an_error(tmp_path: Path, text: Path, tokenizer: Path, name: str, damage: str) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    file = tmp_path / "emb" / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-20])
    elif damage == "gone":
        file.unlink()
    else:
        fit(text, tokenizer, tmp_path / "other", dim=4)
        file.write_bytes((tmp_path / "other" / name).read_bytes())
        if name == "training.safetensors":
            # The same counts: there is nothing wrong with it.
            load_embedding(tmp_path / "emb")
            return
    with pytest.raises(ArtifactError) as caught:
        load_embedding(tmp_path / "emb")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("changed", "code", "message"),
    [
        ({"special_ids": [99]}, 3, "do not fit each other"),
        ({"special_ids": ["a"]}, 1, "'special_ids.0' is missing or damaged"),
        ({"unknown_id": -1}, 3, "do not fit each other"),
        ({"unknown_id": 99}, 3, "do not fit each other"),
        ({"dim": 15}, 3, "do not fit each other"),
    ],
)
def test_a_manifest_that_does_not_fit_is_an_error(
    cli: Callable[..., Ran],
    tmp_path: Path,
    text: Path,
    tokenizer: Path,
    changed: dict[str, Any],
    code: int,
    message: str,
) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    assert cli("inspect", tmp_path / "emb", "--check").code == 0
    manifest = folder.read_json(tmp_path / "emb" / "tokit.json")
    folder.dump_json({**manifest, **changed}, tmp_path / "emb" / "tokit.json")
    assert_error(cli("near", "plum", "-e", tmp_path / "emb"), 1, message)
    # The hashes are of the other files, and they are right.
    ran = cli("inspect", tmp_path / "emb", "--check")
    assert (ran.code, message in ran.err) == (code, True)


def test_vectors_of_another_type_are_an_error(tmp_path: Path, text: Path, tokenizer: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    vectors = load_embedding(tmp_path / "emb").vectors
    save_file({"embeddings": vectors.astype(np.float16)}, tmp_path / "emb" / "model.safetensors")
    with pytest.raises(ArtifactError, match="do not fit each other"):
        load_embedding(tmp_path / "emb")


def test_a_tokenizer_is_no_embedding(tokenizer: Path) -> None:
    with pytest.raises(ArtifactError, match="holds a tokenizer, not an embedding"):
        load_embedding(tokenizer)


INTERRUPTED = """
import contextlib, sys
from tokit.cli import console, main

@contextlib.contextmanager
def progress(*, quiet=False):
    yield lambda report: print(report.stage, flush=True)

console.progress = progress
sys.argv = ["tokit", *sys.argv[1:]]
main.run()
"""


def test_an_interrupt_ends_training_and_leaves_nothing(tmp_path: Path, text: Path, tokenizer: Path) -> None:
    out = tmp_path / "out" / "emb"
    command = ["fit", "skipgram", text, "-t", tokenizer, "-o", out, "--epochs", "1000000"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            if line == "fitting\n":
                process.send_signal(signal.SIGINT)
                break
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not out.parent.exists()
    assert list(temporary.iterdir()) == []


def test_a_full_disk_is_an_error_and_leaves_nothing(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    """No file may be as large as that of the vectors."""
    script = (
        "import resource, signal, sys\nfrom tokit.cli.main import main\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    command = ["fit", "cbow", text, "-t", tokenizer, "-o", tmp_path / "out" / "emb", "-d", "60000"]
    settings = ["--epochs", "1", "--threads", "1", "-q"]
    ran = subprocess.run(
        [sys.executable, "-c", script, *command, *settings], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.splitlines()[0] == "error: File too large"
    assert list(tmp_path.iterdir()) == []


def test_config_is_what_readers_expect(text: Path, tokenizer: Path, tmp_path: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    config = json.loads((tmp_path / "emb" / "config.json").read_bytes())
    modules = json.loads((tmp_path / "emb" / "modules.json").read_bytes())
    assert (config["model_type"], config["normalize"], config["max_length"]) == ("model2vec", False, None)
    assert [module["type"] for module in modules] == ["sentence_transformers.models.StaticEmbedding"]
