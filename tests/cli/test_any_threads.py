"""Folders that are equal byte for byte, their manifests included, for any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.packages import needs_gensim
from tests.support.program import ROOT, Ran
from tests.support.same_folders import differing_files
from tests.support.two_topics import two_topics
from tokit.embedding import EMBEDDINGS
from tokit.embedding.embedding_folder import load_embedding

Cli = Callable[..., Ran]
# Their threads train at once, unless --deterministic or --threads 1 is given.
RACING = ("skipgram", "cbow", "fasttext", "glove")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text that is long enough for several threads to share, and a tokenizer."""
    from tokit.cli.main import main

    folder = tmp_path_factory.mktemp("home")
    (folder / "text.txt").write_text(two_topics(), encoding="utf-8")
    (folder / "long.txt").write_text(two_topics() * 40, encoding="utf-8")
    assert main(["train", "word", str(folder / "text.txt"), "-o", str(folder / "tok"), "-q"]) == 0
    return folder


def folders(cli: Cli, tmp_path: Path, *command: object, each: tuple[tuple[str, ...], ...]) -> list[Path]:
    """The folders that a command writes with each of some options."""
    outs = [tmp_path / str(number) for number in range(len(each))]
    for out, options in zip(outs, each, strict=True):
        ran = cli(*command, *options, "-o", out, "-q")
        assert ran.code == 0, ran.err
    return outs


THREADS = (("--threads", "1"), ("--threads", "2"))
DETERMINISTIC = (
    ("--threads", "1"),
    ("--deterministic", "--threads", "1"),
    ("--deterministic", "--threads", "2"),
    ("--deterministic", "--threads", "3"),
    ("--deterministic",),
)


@pytest.mark.parametrize("family", list(EMBEDDINGS))
def test_deterministic_fits(cli: Cli, home: Path, tmp_path: Path, family: str) -> None:
    fit = ("fit", family, home / "text.txt", "-t", home / "tok", "-d", "8")
    one, *others = folders(cli, tmp_path, *fit, each=DETERMINISTIC)
    assert [differing_files(one, other) for other in others] == [[]] * len(others)


@needs_gensim
@pytest.mark.parametrize("family", ["skipgram", "cbow", "fasttext"])
def test_deterministic_fits_in_gensim(cli: Cli, home: Path, tmp_path: Path, family: str) -> None:
    fit = ("fit", family, home / "text.txt", "-t", home / "tok", "-d", "8", "--engine", "reference")
    one, *others = folders(cli, tmp_path, *fit, each=DETERMINISTIC[:3])
    assert [differing_files(one, other) for other in others] == [[]] * len(others)


def test_warm_started_fits(cli: Cli, home: Path, tmp_path: Path) -> None:
    fit = ("fit", "glove", home / "text.txt", "-d", "8")
    (start,) = folders(cli, tmp_path / "start", *fit, "-t", home / "tok", each=(("--threads", "1"),))
    one, *others = folders(cli, tmp_path, *fit, "--from", start, each=DETERMINISTIC)
    assert [differing_files(one, other) for other in others] == [[]] * len(others)


def test_svd_needs_no_option(cli: Cli, home: Path, tmp_path: Path) -> None:
    one, two = folders(cli, tmp_path, "fit", "svd", home / "text.txt", "-t", home / "tok", "-d", "8", each=THREADS)
    assert differing_files(one, two) == []


@pytest.mark.parametrize("family", RACING)
def test_the_number_of_racing_threads_is_in_the_manifest(cli: Cli, home: Path, tmp_path: Path, family: str) -> None:
    from tokit.storage.embedding_manifest import EmbeddingManifest
    from tokit.storage.folder import read_manifest

    fit = ("fit", family, home / "text.txt", "-t", home / "tok", "-d", "8")
    two, one = (read_manifest(out, EmbeddingManifest) for out in folders(cli, tmp_path, *fit, each=THREADS[::-1]))
    assert (two.fit.threads, two.fit.deterministic, two.reproducible) == (2, False, False)
    assert (one.fit.threads, one.fit.deterministic, one.reproducible) == (None, True, True)
    load_embedding(tmp_path / "0")


@pytest.mark.parametrize(
    "command",
    [
        ("train", "word", "long.txt"),
        ("train", "bpe", "long.txt", "-v", "300"),
        ("train", "wordpiece", "long.txt", "-v", "300"),
        ("train", "char", "long.txt"),
        ("count", "long.txt"),
        ("encode", "long.txt", "-t", "tok"),
        ("encode", "long.txt", "-t", "tok", "--to", "npy", "--split", "val=0.2"),
    ],
)
def test_commands_without_a_choice(
    cli: Cli, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(home)
    one, two = folders(cli, tmp_path, *command, each=THREADS)
    assert differing_files(one, two) == []


def made_twice(tmp_path: Path, *what: str) -> tuple[Path, Path]:
    """Folders of every artifact, made with other threads and with another seed of Python's hashes."""
    for threads, seed in (("1", "0"), ("2", "12345")):
        folder = tmp_path / threads
        folder.mkdir()
        (folder / "text.txt").write_text(two_topics() * 4, encoding="utf-8")
        labeled = "".join(f"{'ab'[i % 2]}\t{text}\n" for i, text in enumerate(two_topics(60).splitlines()))
        (folder / "labeled.tsv").write_text(labeled, encoding="utf-8")
        program = [sys.executable, "-m", "tests.support.every_folder", str(folder), threads, *what]
        subprocess.run(program, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True, cwd=ROOT)
    return tmp_path / "1", tmp_path / "2"


def test_every_static_artifact_in_processes_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    one, two = made_twice(tmp_path)
    assert len(list(one.iterdir())) > 15
    assert differing_files(one, two) == []


@pytest.mark.slow
def test_every_artifact_of_language_models_in_processes_of_their_own(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="needs the extra 'contextual'")
    pytest.importorskip("pyarrow", reason="needs the extra 'parquet'")
    one, two = made_twice(tmp_path, "contextual")
    assert differing_files(one, two) == []
