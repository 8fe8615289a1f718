"""What tests share: one corpus, every family trained once on it, and two ways to run the program.

`cli` runs `main()` in this process; `shell` runs real processes in real pipelines.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.packages import file_of_gensim
from tests.support.pages import assert_succeeded, run_shell
from tests.support.program import LIMIT, ROOT, Ran, standard_streams
from tests.support.texts import HOSTILE_TEXTS, PARALLEL
from tests.support.variants import SIZES, VARIANTS
from tokit.cli.main import main
from tokit.corpus import open_corpus
from tokit.ops.train import train_tokenizer
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.load import load_tokenizer

settings.register_profile(
    "tokit",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tokit")

# A shell without job control has what it starts in the background ignore Ctrl-C: so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """Artifacts are synced to disk; hundreds of them would wait for it longer than for the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session")
def corpus_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences in many languages, and lines that are hard."""
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    sentences = [file.read_text("utf-8") for file in sorted(PARALLEL.glob("*.txt"))]
    hard = [text for text in HOSTILE_TEXTS if "\n" not in text]
    path.write_text("".join(sentences) + "\n".join(hard) + "\n", encoding="utf-8", newline="")
    return path


@pytest.fixture(scope="session")
def english_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small text with a small alphabet."""
    path = tmp_path_factory.mktemp("english") / "english.txt"
    path.write_bytes((PARALLEL / "en.txt").read_bytes())
    return path


@pytest.fixture(scope="session")
def lines(corpus_file: Path) -> list[str]:
    """The lines of `corpus_file`."""
    return corpus_file.read_bytes().decode("utf-8").removesuffix("\n").split("\n")


@pytest.fixture(scope="session")
def trained_folder(corpus_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a variant out of `VARIANTS`, trained when first asked for."""
    root = tmp_path_factory.mktemp("trained")

    def folder(variant: str) -> Path:
        target = root / variant
        if not target.exists():
            options = VARIANTS[variant]
            size = SIZES.get(options["family"], 3000)
            train_tokenizer(
                open_corpus([str(corpus_file)]), target, vocab_sizes=() if size is None else (size,), **options
            )
        return target

    return folder


@pytest.fixture(scope="session", params=list(VARIANTS))
def variant_folder(request: pytest.FixtureRequest, trained_folder: Callable[[str], Path]) -> Path:
    """The folder of every family and variant in turn."""
    return trained_folder(request.param)


@pytest.fixture(scope="session")
def trained(variant_folder: Path) -> Tokenizer:
    """Every family and variant in turn, opened from its folder."""
    return load_tokenizer(variant_folder)


@pytest.fixture(scope="session")
def bpe_folder(trained_folder: Callable[[str], Path]) -> Path:
    """A trained bpe, for tests in which any tokenizer will do."""
    return trained_folder("bpe")


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `tokit demo` ran; a page of documentation works in a copy of it."""
    # The pages use @lee and @wiki, on which the demo runs too.
    file_of_gensim("lee_background.cor")
    folder = tmp_path_factory.mktemp("demo") / "work"
    folder.mkdir()
    ran = run_shell("tokit demo", folder)
    assert_succeeded(ran, "tokit demo")
    assert "tokit-demo/vectors" in ran.stdout
    return folder


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., Tokenizer]:
    """Trains on some lines: `train(["a b"], family="bpe", size=300)`."""
    numbers = iter(range(10**6))

    def run(texts: list[str], *, size: int | None = None, **options: Any) -> Tokenizer:
        number = next(numbers)
        path, out = tmp_path / f"train-{number}.jsonl", tmp_path / f"trained-{number}"
        import json

        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
        corpus = open_corpus([str(path)])
        train_tokenizer(corpus, out, vocab_sizes=() if size is None else (size,), **options)
        return load_tokenizer(out)

    return run


@pytest.fixture
def cli() -> Callable[..., Ran]:
    """Runs a command line in this process: `cli("encode", "-t", folder, stdin=b"text")`."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        environment = dict(os.environ)
        try:
            with standard_streams(stdin) as (out, err):
                code = main([str(argument) for argument in arguments])
        finally:
            os.environ.clear()
            os.environ.update(environment)
        return Ran(code, out.getvalue(), err.getvalue().decode("utf-8"))

    return run


@pytest.fixture
def shell(tmp_path: Path) -> Callable[..., Ran]:
    """Runs a real pipeline under bash; `tokit` is this checkout's: `shell("tokit encode -t tok | wc", stdin=b"a")`."""

    def run(command: str, *, stdin: bytes = b"", **environment: str) -> Ran:
        tokit = f'tokit() {{ "{sys.executable}" -m tokit "$@"; }}; set -o pipefail; '
        done = subprocess.run(
            ["bash", "-c", tokit + command],
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            timeout=LIMIT,
            check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "", **environment},
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8"))

    return run
