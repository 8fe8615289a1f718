"""The program as a whole: what every command says to a mistake, to a signal, to a reader that goes away."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import RUNNABLE
from tests.support.program import LIMIT, TOKIT, Ran, assert_error
from tokit.cli.commands import COMMANDS
from tokit.errors import UsageError

pytestmark = pytest.mark.slow

Cli = Callable[..., Ran]


@pytest.fixture
def environment() -> dict[str, str]:
    """Standard output is buffered unless a test says otherwise, whatever the caller's shell does."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": ""}


# --- help


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_has_help(cli: Cli, command: str) -> None:
    ran = cli(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"tokit {command}" in ran.text
    # A sentence on what it does, and an example.
    assert len([line for line in ran.text.splitlines() if line.strip()]) > 6


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_lists_every_command(cli: Cli, arguments: tuple[str, ...]) -> None:
    ran = cli(*arguments)
    assert (ran.code, ran.err) == (0, "")
    listed = [line.split()[0] for line in ran.text.splitlines() if line.startswith("  ") and line.split()]
    assert set(COMMANDS) <= set(listed)


def test_command_runs_outside_typer(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The deeper the stack, the likelier that a loop crosses a border of the memory that Python keeps frames in.
    files: list[str] = []

    def inspect_artifact(*_: object, **__: object) -> None:
        files.extend(frame.filename for frame in traceback.extract_stack())
        raise UsageError("stop here", hint="go on there")

    monkeypatch.setattr("tokit.ops.inspect.inspect_artifact", inspect_artifact)
    assert_error(cli("inspect", tmp_path), 2, "stop here")
    assert any("tokit/cli/inspect.py" in Path(file).as_posix() for file in files)
    assert not any("typer" in Path(file).parts for file in files)


def test_version(cli: Cli) -> None:
    from tokit import __version__

    assert cli("--version").text == f"tokit {__version__}\n"


# --- typing mistakes


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("trian", "train"), ("encod", "encode"), ("decoed", "decode"), ("inspct", "inspect"), ("conut", "count")],
)
def test_command_that_does_not_exist(cli: Cli, typed: str, meant: str) -> None:
    assert_error(cli(typed, "x"), 2, f"'{typed}'", f"did you mean '{meant}'?")


@pytest.mark.parametrize("command", RUNNABLE)
def test_option_that_does_not_exist(cli: Cli, command: str) -> None:
    ran = cli(*command.split(), "--nonsense-option")
    assert_error(ran, 2, "--nonsense-option", f"tokit {command} --help")


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("train", "bpe", "--vocab-siez", "300"), "--vocab-size"),
        (("count", "--normaliser", "nfc"), "--normalizer"),
        (("encode", "--tokeniser", "tok"), "--tokenizer"),
        (("decode", "--skip-specal"), "--skip-special"),
        (("inspect", "--chek"), "--check"),
    ],
)
def test_option_with_a_slip(cli: Cli, arguments: tuple[str, ...], meant: str) -> None:
    assert_error(cli(*arguments), 2, next(word for word in arguments if word.startswith("--")), meant)


@pytest.mark.parametrize("arguments", [("--nonsense",), ("encode",), ("count",), ("train",), ("decode",), ("inspect",)])
def test_something_is_missing(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert_error(cli(*arguments), 2)


@pytest.mark.parametrize(
    "arguments",
    [
        ("encode", "-t", "{tok}", "--max-length", "many"),
        ("encode", "-t", "{tok}", "--max-length", "0"),
        ("encode", "-t", "{tok}", "--threads", "0"),
        ("encode", "-t", "{tok}", "--errors", "strickt"),
        ("encode", "-t", "{tok}", "--unit", "lines"),
        ("encode", "-t", "{tok}", "--format", "jsnol"),
        ("encode", "-t", "{tok}", "--as", "id"),
        ("encode", "-t", "{tok}", "--to", "bin"),
        ("encode", "-t", "{tok}", "--split", "val=0.1"),
        ("encode", "-t", "{tok}", "-o", "{out}", "--to", "bni"),
        ("encode", "-t", "{tok}", "-o", "{out}", "--split", "val"),
        ("encode", "-t", "{tok}", "-o", "{out}", "--split", "val=2"),
        ("encode", "-t", "{tok}", "-o", "{out}", "--split", "train=0.5"),
        ("decode", "-t", "{tok}", "--part", "val"),
        ("train", "bep", "-o", "{out}"),
        ("train", "bpe", "-o", "{out}", "-v", "many"),
        ("train", "bpe", "-o", "{out}", "-v", "300,300"),
        ("train", "bpe", "-o", "{out}", "-v", "-5"),
        ("train", "bpe", "-o", "{out}", "--min-frequncy", "3"),
        ("train", "bpe", "-o", "{out}", "--min-frequency", ""),
        ("train", "bpe", "-o", "{out}", "--min-frequency", "often"),
        ("train", "bpe", "-o", "{out}", "--min-frequency", "-1"),
        ("train", "word", "-o", "{out}", "--unknown", "byte"),
        ("train", "bpe", "-o", "{out}", "--normalizer", "nfx"),
        ("train", "bpe", "-o", "{out}", "--pre-tokenizer", "gpt-2"),
        ("train", "bpe", "-o", "{out}", "--pre-tokenizer", "regex:("),
        ("train", "bpe", "-o", "{out}", "--digits", "one"),
        ("train", "bpe", "-o", "{out}", "--special-token", "pad"),
        ("train", "bpe", "-o", "{out}", "--template", "cls sep"),
        ("train", "bpe", "-o", "{out}", "--character-coverage", "2"),
        ("train", "bpe", "-o", "{out}", "--config", "{missing}"),
        ("train", "bpe", "-o", "{out}", "--engine", "refrence"),
        ("count", "-o", "{out}", "--pre-tokenizer", "gpt3"),
        ("count", "-o", "{out}", "--engine", "kernel"),
        ("encode", "-t", "{tok}", "--engine", "fast"),
        ("decode", "-t", "{tok}", "--engine", "numba"),
        ("fit", "bret", "-t", "{tok}", "-o", "{out}"),
    ],
    ids=" ".join,
)
def test_value_that_cannot_be_meant(cli: Cli, bpe_folder: Path, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    named = {"tok": bpe_folder, "out": tmp_path / "out", "missing": tmp_path / "missing.toml"}
    ran = cli(*[argument.format(**named) for argument in arguments], stdin=b"some text\n")
    assert_error(ran, 2)
    assert list(tmp_path.iterdir()) == []


# --- a reader that goes away, a writer that is slow


@pytest.mark.parametrize("verb", ["encode", "decode"])
def test_head_ends_quietly(bpe_folder: Path, tmp_path: Path, environment: dict[str, str], verb: str) -> None:
    big = tmp_path / "big.txt"
    big.write_bytes(b"11 12 13 14 15 16 17 18 19 20\n" * 30_000)
    command = [*TOKIT, verb, str(big), "-t", str(bpe_folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(LIMIT) == 0
        assert process.stderr.read() == b""


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_slow_pipe_is_answered_line_by_line(bpe_folder: Path, environment: dict[str, str], command: str) -> None:
    with subprocess.Popen(
        [*TOKIT, command, "-t", str(bpe_folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in (b"7 8 9\n", b"\n", b"10\n"):
                process.stdin.write(line)
                process.stdin.flush()
                readable, _, _ = select.select([process.stdout], [], [], 30)
                assert readable, "no answer before the next line"
                assert os.read(process.stdout.fileno(), 1000).endswith(b"\n")
            process.stdin.close()
            assert process.stdout.read() == b""
            assert process.wait(LIMIT) == 0
        finally:
            process.kill()


# --- signals


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("stage", ["counting", "learning"])
def test_interrupted_training_leaves_nothing(
    tmp_path: Path, environment: dict[str, str], stage: str, sent: signal.Signals, code: int
) -> None:
    if stage == "counting":
        # A pipe that never ends.
        corpus, family = [], "bpe"
    else:
        import random

        draw = random.Random(0)
        text = tmp_path / "text.txt"
        words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(3, 12))) for _ in range(150_000)]
        text.write_text("".join(f"{word}\n" for word in words))
        # The library's own trainer, which takes far longer than the wait below.
        corpus, family = [str(text)], "unigram"
    out = tmp_path / "outs"
    out.mkdir()
    # Kernels that have to be compiled first would say so.
    command = [*TOKIT, "train", family, *corpus, "-v", "60000", "-o", str(out / "tok"), "--engine", "reference"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin is not None
        process.stdin.write(b"some text\n")
        process.stdin.flush()
        # Long enough to be past the imports; a training that ends before is seen by its exit code.
        time.sleep(1.5)
        process.send_signal(sent)
        assert process.wait(LIMIT) == code
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read() == b""
        said = process.stderr.read().decode()
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert list(out.iterdir()) == []


# --- reports


@pytest.mark.parametrize("json_option", [True, False])
def test_reports_are_one_json_object_or_nothing(
    cli: Cli, english_file: Path, bpe_folder: Path, tmp_path: Path, json_option: bool
) -> None:
    option = ["--json"] if json_option else []
    commands = [
        ("train", "bpe", english_file, "-v", "300", "-o", tmp_path / "tok"),
        ("train", "bpe", english_file, "-v", "300,310", "-o", tmp_path / "toks"),
        ("count", english_file, "-o", tmp_path / "counts"),
        ("encode", english_file, "-t", bpe_folder, "-o", tmp_path / "shards"),
    ]
    for command in commands:
        ran = cli(*command, *option)
        assert ran.code == 0
        if json_option:
            assert isinstance(json.loads(ran.text), dict)
            assert ran.text.count("\n") == 1
        else:
            assert ran.out == b""
            assert ran.err
    for artifact in ("tok", "counts", "shards"):
        ran = cli("inspect", tmp_path / artifact, "--json")
        assert isinstance(json.loads(ran.text), dict)


def test_quiet_says_nothing(cli: Cli, english_file: Path, bpe_folder: Path, tmp_path: Path) -> None:
    for command in (
        ("train", "bpe", english_file, "-v", "300", "-o", tmp_path / "tok"),
        ("count", english_file, "-o", tmp_path / "counts"),
        ("encode", english_file, "-t", bpe_folder, "-o", tmp_path / "shards"),
    ):
        ran = cli(*command, "--quiet")
        assert (ran.code, ran.out, ran.err) == (0, b"", "")


def test_full_disk_is_two_lines(bpe_folder: Path, environment: dict[str, str], english_file: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*TOKIT, "encode", str(english_file), "-t", str(bpe_folder)],
            stdout=full, stderr=subprocess.PIPE, env=environment, timeout=LIMIT, check=False,
        )  # fmt: skip
    said = done.stderr.decode().splitlines()
    assert done.returncode == 1
    assert [line.split(":")[0] for line in said] == ["error", "hint"]
    assert "disk is full" in said[1]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_short_write_is_an_error(
    shell: Callable[..., Ran], bpe_folder: Path, corpus_file: Path, tmp_path: Path, unbuffered: str
) -> None:
    """The last write fits the disk in part: what is left of it must not be lost without a word."""
    command = f"ulimit -f 8; tokit encode {corpus_file} -t {bpe_folder} > {tmp_path}/ids"
    ran = shell(command, PYTHONUNBUFFERED=unbuffered)
    assert ran.code == 1
    assert ran.err.startswith("error: ")
    assert "Traceback" not in ran.err


def test_bug_of_ours_keeps_its_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch, bpe_folder: Path) -> None:
    import tokit.ops.encode

    def broken(*_args: object, **_named: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(tokit.ops.encode, "encode_stream", broken)
    with pytest.raises(ZeroDivisionError):
        cli("encode", "-t", bpe_folder, stdin=b"x")
