"""What tests share: one corpus, every family trained once on it, and two ways to run the program.

`cli` runs `main()` in this process; `shell` runs real processes in real pipelines.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tokit.cli.main import main
from tokit.corpus import open_corpus
from tokit.kernels import choice
from tokit.ops.train import RuleOptions, train_tokenizer
from tokit.tokenizer import FAMILIES
from tokit.tokenizer.base import Tokenizer
from tokit.tokenizer.foreign import open_tokenizer

settings.register_profile(
    "tokit",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("tokit")

# A shell without job control has what it starts in the background ignore Ctrl-C: so would every program under test.
signal.signal(signal.SIGINT, signal.default_int_handler)

PARALLEL = Path(__file__).parents[1] / "corpora" / "parallel"
TOKIT = (sys.executable, "-m", "tokit")
LIMIT = 60

# Texts that have broken tokenizers: white space, controls, marks, joiners, what looks like tokens, the metaspace.
HOSTILE_TEXTS = (
    "",
    " ",
    "   ",
    "\x00",
    "a\x00b",
    "a\r\nb",
    "\r",
    "\n\n",
    "\t x\t",
    "a\u0301",
    "\u0301",
    "e\u0323\u0301 \u0301x",
    "👩‍👩‍👧",
    "🇩🇪🏴\U000e0067\U000e0062\U000e007f",
    "▁",
    "a▁b ▁ c▁",
    "<|endoftext|>",
    "x<|pad|>x <|cls|><|sep|> <|mask|>",
    "<|unk|>",
    "<unk> <s> </s> [UNK] [CLS]",
    "<0x41>",
    "a<0x41>b<0xE2><0x96><0x81> <0x41>",
    "<0x0A>",
    "\ufeff",
    "\ufeffa",
    "a\u2028b\u2029c",
    "a\u00a0b\u3000c\u0085d",
    "𝔘𝔫𝔦 𐍈 😀 𠜎",
    "\U0010ffff\uffff\ufffd",
    "\ue000\ue001\uf8ff",
    "ﬁ ﷺ Ǆ ß İ ſ",
    "'s 'T 'll I'M it’s",
    "1234567 12 ٣٤٥ Ⅷ ½",
    "##ing ## a##b",
    "Ġthe Ċ â",
    "aaaaaaaaaaaaaaaaaaaaaaaaa",
    "  two  spaces   three ",
    "ភាសាខ្មែរ ไทย 日本語 한국어 עִבְרִית العربية",
    "x" * 300,
)
# Documents that surrogates cannot be part of: they have no UTF-8.
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
# Pieces that are rare in random text, and whose neighbours matter.
CROWDED_TEXT = st.lists(
    st.sampled_from([
        " ", "  ", "\n", "\r", "\t", "\x00", "\x1c", "\x85", "\u00a0", "\u2028", "\u3000", "▁", "a", "B",
        "the", "x1", "12345", "'s", "'LL", "'", "é", "e\u0301", "\u0301", "日本", "한", "ΑΣ", "İ", "ſ", "ß",
        "👩‍👧", "\u200d", "!", "...", "/", "<|pad|>", "<0x41>", "##", "<",
    ]),
    max_size=30,
).map("".join)  # fmt: skip
TEXTS = st.one_of(ANY_TEXT, CROWDED_TEXT)

# Every registered family, and those settings that change how one works.
VARIANTS: dict[str, dict[str, Any]] = {
    **{name: {"family": name} for name in FAMILIES},
    "word-bytes": {"family": "word", "settings": {"unknown": "bytes"}},
    "unigram-metaspace": {"family": "unigram", "rules": RuleOptions(pre_tokenizer="metaspace")},
    "unigram-chars": {"family": "unigram", "settings": {"alphabet": "chars"}},
    "spm-unigram": {"family": "spm", "settings": {"model_type": "unigram"}},
    "char-unknown": {"family": "char", "settings": {"byte_fallback": False}},
    "bpe-lowercase": {"family": "bpe", "rules": RuleOptions(normalizers=("lowercase",), pre_tokenizer="llama3")},
}
SIZES = {"byte": None, "char": None, "bpe": 600, "word": 400}


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """Standard output as text."""
        return self.out.decode("utf-8")


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
    return open_tokenizer(variant_folder)


@pytest.fixture(scope="session")
def bpe_folder(trained_folder: Callable[[str], Path]) -> Path:
    """A trained bpe, for tests in which any tokenizer will do."""
    return trained_folder("bpe")


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
        return open_tokenizer(out)

    return run


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Run with the kernels whatever the size of the work, or without them: "kernels" or "reference"."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(choice.VARIABLE, name)
        yield


@pytest.fixture
def cli() -> Callable[..., Ran]:
    """Runs a command line in this process: `cli("encode", "-t", folder, stdin=b"text")`."""

    def run(*arguments: object, stdin: bytes = b"") -> Ran:
        environment = dict(os.environ)
        try:
            with _standard_streams(stdin) as (out, err):
                code = main([str(argument) for argument in arguments])
        finally:
            os.environ.clear()
            os.environ.update(environment)
        return Ran(code, out.getvalue(), err.getvalue().decode("utf-8"))

    return run


@contextmanager
def _standard_streams(stdin: bytes) -> Iterator[tuple[io.BytesIO, io.BytesIO]]:
    """Standard input is a real pipe on descriptor 0; what is written is caught as bytes."""
    reading, writing = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writing, stdin))
    kept, before = os.dup(0), (sys.stdin, sys.stdout, sys.stderr)
    os.dup2(reading, 0)
    os.close(reading)
    feeder.start()
    out, err = io.BytesIO(), io.BytesIO()
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - a descriptor
    sys.stdout = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
    sys.stderr = io.TextIOWrapper(err, encoding="utf-8", newline="", write_through=True)
    try:
        yield out, err
    finally:
        ours = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = before
        ours[0].close()
        for stream in ours[1:]:
            stream.detach()
        # The last reading end goes, so that a feeder with more to say ends too.
        os.dup2(kept, 0)
        os.close(kept)
        feeder.join()


def _feed(descriptor: int, data: bytes) -> None:
    with open(descriptor, "wb", buffering=0) as pipe:
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[pipe.write(rest) :]
        except BrokenPipeError:
            return


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
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "", **environment},
        )
        return Ran(done.returncode, done.stdout, done.stderr.decode("utf-8"))

    return run


def assert_error(ran: Ran, code: int, *parts: str) -> None:
    """One `error:` line, one `hint:` line, the exit code, nothing on standard output; the parts stand in it."""
    said = ran.err.splitlines()
    assert ran.code == code, ran.err
    assert ran.out == b""
    assert [line.split(":")[0] for line in said] == ["error", "hint"], ran.err
    for part in parts:
        assert part in ran.err


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }
