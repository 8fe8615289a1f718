"""Trainings that fail: settings, text without neighbors, errors in workers, interrupts, a full disk."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.packages import needs_gensim
from tests.support.two_topics import fit, pieces
from tokit.arrays import Ids
from tokit.embedding import EMBEDDINGS
from tokit.embedding.base import FitJob
from tokit.embedding.embedding_folder import load_embedding
from tokit.embedding.train import word2vec
from tokit.errors import ArtifactError, CorpusError, TrainingError, UsageError
from tokit.ids.stream import IdStream
from tokit.progress import Progress


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


@needs_gensim
def test_an_error_in_a_worker_of_gensim_is_raised_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: Any, _longest: int) -> Any:
        yield [1, 2]
        raise RuntimeError("the disk went away")

    monkeypatch.setattr(IdStream, "sentences", broken)
    with pytest.raises(RuntimeError, match="went away"):
        EMBEDDINGS.get("skipgram").fit(dataclasses.replace(job([[1, 2, 3]]), reference=True))


def test_an_error_of_the_progress_is_raised() -> None:
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
    monkeypatch.setattr(word2vec.WeightMatrix, "rows", lambda table, _counts: np.full(table.vectors.shape, np.nan))
    with pytest.raises(TrainingError, match="diverged"):
        EMBEDDINGS.get("skipgram").fit(job([[1, 2, 3]]))


@pytest.mark.parametrize(
    ("family", "settings", "message"),
    [
        ("skipgarm", {}, "unknown embedding"),
        ("skipgram", {"windw": "5"}, "unknown option '--windw'"),
        ("skipgram", {"window": "0"}, "window"),
        ("skipgram", {"window": "20000"}, "window"),
        ("skipgram", {"negative": "0"}, "negative"),
        ("skipgram", {"epochs": "0"}, "epochs"),
        ("skipgram", {"epochs": "9" * 30}, "epochs"),
        ("glove", {"epochs": "9" * 30}, "epochs"),
        ("skipgram", {"sample": "1"}, "sample"),
        ("skipgram", {"learning_rate": "0"}, "--learning-rate"),
        ("skipgram", {"learning_rate": "inf"}, "--learning-rate"),
        ("skipgram", {"learning_rate": "nan"}, "--learning-rate"),
        ("skipgram", {"min_learning_rate": "0.5"}, "--min-learning-rate"),
        ("fasttext", {"minn": "7"}, "minn"),
        ("fasttext", {"maxn": str(1 << 64)}, "maxn"),
        ("glove", {"window": "20000"}, "window"),
        ("glove", {"x_max": "0"}, "--x-max"),
        ("glove", {"learning_rate": "nan"}, "--learning-rate"),
        ("svd", {"weighting": "dynamc"}, "weighting"),
        ("svd", {"shift": "0"}, "shift"),
        ("svd", {"power": "2"}, "power"),
        ("svd", {"sample": "1"}, "sample"),
        ("svd", {"memory": "0"}, "memory"),
        ("fasttext", {"bucket": str(1 << 32)}, "bucket"),
    ],
)
def test_invalid_settings(
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


def test_existing_output_is_kept(tmp_path: Path, text: Path, tokenizer: Path) -> None:
    fit(text, tokenizer, tmp_path / "emb")
    with pytest.raises(ArtifactError, match="exists"):
        fit(text, tokenizer, tmp_path / "emb")
    fit(text, tokenizer, tmp_path / "emb", dim=4, overwrite=True)
    assert load_embedding(tmp_path / "emb").vectors.shape[1] == 4


INTERRUPTED = """
import contextlib, sys
from tokit.cli import main, output

@contextlib.contextmanager
def progress(self, *, shown=True):
    yield lambda report: print(report.stage, flush=True)

output.Output.progress = progress
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
