"""Standard streams that are closed, full or not UTF-8; early signals; limits on memory: two lines and an exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.program import LIMIT
from tokit.cli.start import LEAST_MEMORY

pytestmark = pytest.mark.skipif(os.name != "posix", reason="a shell's redirections")
TEXT = "the cat sat on the mat\nBeijing is \u5317\u4eac \U0001f642\n"
# Commands that write data, and such that write a folder or file and a summary.
WRITING_DATA = [
    "wc text.txt -t TOK", "encode text.txt -t TOK", "show cat -t TOK", "inspect TOK", "--help", "--version",
    "count text.txt -o made --json", "compare TOK -c text.txt",
]  # fmt: skip
WRITING_FILES = ["count text.txt -o made", "train byte text.txt -o made", "encode text.txt -t TOK -o made"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


def shell(command: str, folder: Path, tokenizer: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command line of tokit in a shell, with its redirections."""
    script = f"{sys.executable} -m tokit {command.replace('TOK', str(tokenizer))}"
    home = Path(__file__).parents[2]
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(home), **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=LIMIT,
        check=False,
    )


def said(ran: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.split(":")[0] for line in ran.stderr.splitlines() if line.startswith(("error", "hint"))]


@pytest.mark.slow
@pytest.mark.parametrize("command", WRITING_DATA)
def test_closed_output_is_an_error_of_two_lines(folder: Path, bpe_folder: Path, command: str) -> None:
    ran = shell(f"{command} >&-", folder, bpe_folder)
    assert ran.returncode == 1
    assert "error: standard output is closed" in ran.stderr
    assert said(ran) == ["error", "hint"]
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", WRITING_FILES)
def test_commands_without_data_need_no_output(folder: Path, bpe_folder: Path, command: str) -> None:
    ran = shell(f"{command} >&-", folder, bpe_folder)
    assert ran.returncode == 0, ran.stderr
    assert (folder / "made" / "tokit.json").is_file()
    again = shell("inspect made --check", folder, bpe_folder)
    assert again.returncode == 0, again.stderr


@pytest.mark.slow
@pytest.mark.parametrize("command", [*WRITING_DATA, *WRITING_FILES])
def test_messages_never_go_among_the_data(folder: Path, bpe_folder: Path, command: str) -> None:
    whole = shell(f"{command} --overwrite" if "-o" in command else command, folder, bpe_folder)
    ran = shell(f"{command} --overwrite 2>&-" if "-o" in command else f"{command} 2>&-", folder, bpe_folder)
    assert (ran.returncode, ran.stderr) == (0, "")
    if "compare" not in command:  # It shows a speed.
        assert ran.stdout == whole.stdout


def test_an_error_without_a_place_for_it_is_an_exit_code(folder: Path, bpe_folder: Path) -> None:
    ran = shell("encode missing -t TOK 2>&-", folder, bpe_folder)
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "")


@pytest.mark.slow
def test_a_closed_descriptor_is_not_given_to_a_file(folder: Path, bpe_folder: Path) -> None:
    ran = shell("train byte text.txt -o made >&- 2>&- <&-", folder, bpe_folder)
    assert ran.returncode == 0
    assert shell("inspect made --check", folder, bpe_folder).returncode == 0


@pytest.mark.parametrize("command", ["encode -t TOK", "wc", "decode -t TOK"])
def test_closed_input(folder: Path, bpe_folder: Path, command: str) -> None:
    ran = shell(f"{command} <&-", folder, bpe_folder)
    assert ran.returncode == 1
    assert "standard input is closed" in ran.stderr
    assert said(ran) == ["error", "hint"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", ["encode text.txt -t TOK", "inspect TOK"])
def test_full_output(folder: Path, bpe_folder: Path, command: str) -> None:
    ran = shell(f"{command} >/dev/full", folder, bpe_folder)
    assert ran.returncode == 1
    assert "the disk is full" in ran.stderr
    assert said(ran) == ["error", "hint"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"},
    ],
    ids=["ascii", "latin-1", "C", "C and ascii"],
)
@pytest.mark.parametrize(
    "command",
    ["show '北京 🙂' -t TOK", "show '北京 🙂' -t TOK --json", "wc 北京.txt -t TOK", "wc 北京.txt --json -t TOK"],
)
def test_output_is_utf8_in_any_locale(
    folder: Path, bpe_folder: Path, command: str, environment: dict[str, str]
) -> None:
    (folder / "北京.txt").write_text(TEXT, encoding="utf-8")
    expected = shell(command, folder, bpe_folder, PYTHONUTF8="1")
    ran = shell(command, folder, bpe_folder, **environment)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == expected.stdout
    if "--json" in command:
        json.loads(ran.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_in_the_first_moments(folder: Path, bpe_folder: Path, number: signal.Signals) -> None:
    # Runs until the program's own first line, and is told so.
    program = (
        "import os\nimport tokit.cli.start as start\n"
        f"start.take_descriptors = lambda: os.kill(os.getpid(), {int(number)})\n"
        "start.run()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=LIMIT, check=False)
    assert ran.returncode == 128 + number
    assert ran.stderr == (b"error: interrupted\n" if number == signal.SIGINT else b"error: terminated\n")


@pytest.mark.slow
def test_signals_at_any_early_moment_end_in_one_line(folder: Path, bpe_folder: Path) -> None:
    command = [sys.executable, "-m", "tokit", "encode", str(folder / "text.txt"), "-t", str(bpe_folder)]
    for step in range(12):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        # Python itself needs some fifty milliseconds to start.
        time.sleep(0.15 + 0.03 * step)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LIMIT)
        assert process.returncode in (0, 130)
        assert err in (b"", b"error: interrupted\n")


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [64_000, 130_000, 200_000, 300_000, 600_000])
def test_little_memory_is_enough_or_is_said(folder: Path, bpe_folder: Path, kilobytes: int) -> None:
    script = f"ulimit -v {kilobytes}; {sys.executable} -m tokit encode text.txt -t {bpe_folder}"
    home = str(Path(__file__).parents[2])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=folder, env={**os.environ, "PYTHONPATH": home}, capture_output=True,
        encoding="utf-8", timeout=60, check=False,
    )  # fmt: skip
    if kilobytes * 1024 < LEAST_MEMORY:
        assert ran.returncode == 1
        assert "memory is limited to" in ran.stderr
        assert said(ran) == ["error", "hint"]
    else:
        assert (ran.returncode, ran.stderr) == (0, "")
