"""Classes of texts: tasks are found, regularisation is chosen on train, both kinds of embedding are measured."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra 'contextual'")
pytest.importorskip("sklearn", reason="sentence-transformers brings it")

from tests.bench.classify import STRENGTHS, Result, Task, best_strength, commonest, tasks_in, vectors_of
from tests.support.program import bench
from tokit.corpus import open_corpus
from tokit.ops.embed import embed
from tokit.ops.fit import fit_embedding, pretrain

pytestmark = pytest.mark.slow

WORDS = ["sea", "river", "music", "people", "language", "day"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two tasks whose labels hang on a word, and files that are none."""
    folder, random_ = tmp_path / "data", random.Random(3)
    folder.mkdir()
    for name, marks in (("two", ["sun", "rain"]), ("three", ["water", "fire", "people"])):
        for part, count in (("train", 60), ("test", 30)):
            lines = [
                f"{number % len(marks)}\tthe {random_.choice(WORDS)} {marks[number % len(marks)]}\n"
                for number in range(count)
            ]
            (folder / f"{name}.{part}.tsv").write_text("".join(lines), encoding="utf-8")
    (folder / "alone.train.tsv").write_text("0\tx\n", encoding="utf-8")
    (folder / "two.dev.tsv").write_text("0\tx\n", encoding="utf-8")
    return folder


@pytest.fixture
def static(corpus_file: Path, bpe_folder: Path, tmp_path: Path) -> Path:
    fit_embedding(open_corpus([str(corpus_file)]), bpe_folder, tmp_path / "emb", dim=16, threads=1)
    return tmp_path / "emb"


def test_a_task_has_two_files(data: Path) -> None:
    assert [task.name for task in tasks_in(data)] == ["three", "two"]
    assert commonest(tasks_in(data)[1]) == 0.5


def test_vectors_are_those_of_embed_in_the_measures_of_train(data: Path, static: Path) -> None:
    task = Task("two", data / "two.train.tsv", data / "two.test.tsv")
    (train, labels), (test, _) = vectors_of(static, task)
    texts = [[line.split("\t")[1] for line in path.read_text("utf-8").splitlines()] for path in (task.train, task.test)]
    first, second = (embed(some, static) for some in texts)
    assert np.allclose(train, (first - first.mean(axis=0)) / first.std(axis=0), atol=1e-3)
    assert np.allclose(test, (second - first.mean(axis=0)) / first.std(axis=0), atol=1e-3)
    assert labels.tolist() == ["0", "1"] * 30


def test_noise_is_held_down_and_a_signal_is_not() -> None:
    random_ = np.random.default_rng(0)
    labels = np.array(["a", "b"] * 200)
    weak = random_.normal(size=(400, 150))
    weak[:, 0] += np.where(labels == "a", 0.7, -0.7)
    assert best_strength(weak, labels, 0) < 0.1
    # Where two columns all but cancel, their difference needs large coefficients.
    base = random_.normal(size=400)
    strong = np.stack([base, base + np.where(labels == "a", 0.01, -0.01)], axis=1)
    assert best_strength(strong, labels, 0) == STRENGTHS[-1]


def test_the_spread_is_of_95_percent() -> None:
    assert Result("m", "k", "t", 1821, 0.8, 1.0).spread == pytest.approx(0.01837, abs=1e-5)


def test_both_kinds_are_measured_in_each_task(
    data: Path, static: Path, corpus_file: Path, bpe_folder: Path, tmp_path: Path
) -> None:
    settings = {
        "num_hidden_layers": 1,
        "hidden_size": 16,
        "num_attention_heads": 2,
        "max_steps": 3,
        "context_length": 24,
        "batch_size": 2,
    }
    corpus = open_corpus([str(corpus_file)])
    pretrain(corpus, bpe_folder, tmp_path / "bert", size="tiny", settings=settings, threads=1)
    saved = tmp_path / "saved.json"
    done = bench(
        "classify", "--data", str(data), "-e", str(tmp_path / "bert"), "-s", str(static), "--epochs", "1",
        "--threads", "1", "--save", str(saved),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    head = next(line for line in done.stdout.splitlines() if "embedding" in line)
    assert [name.strip() for name in head.strip("┃").split("┃")] == ["embedding", "kind", "three", "two", "seconds"]
    assert "fine-tuned bert" in done.stdout and "logistic regression" in done.stdout and done.stdout.count(" ± ") == 4
    assert "always the commonest label of train: three 0.333, two 0.500" in done.stdout
    found = json.loads(saved.read_text("utf-8"))
    assert (found["epochs"], found["seed"], found["threads"]) == (1, 0, 1)
    assert [(each["embedding"], each["task"], each["examples"]) for each in found["results"]] == [
        ("bert", "three", 30), ("bert", "two", 30), ("emb", "three", 30), ("emb", "two", 30)
    ]  # fmt: skip
    # The word that decides is in the mean.
    assert all(each["accuracy"] > 0.9 for each in found["results"][2:])


def test_nothing_to_measure_is_an_error(data: Path, tmp_path: Path) -> None:
    assert "no embedding" in bench("classify", "--data", str(data)).stderr
    assert "has no NAME.train.tsv" in bench("classify", "--data", str(tmp_path), "-s", "x").stderr
