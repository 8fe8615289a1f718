"""The program on a terminal: it says what it waits for, and how long it will take."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.program import LIMIT, ROOT, TOKIT

pty = pytest.importorskip("pty", reason="there are no pseudo-terminals")


def on_a_terminal(typed: bytes, *arguments: object) -> str:
    """What a command shows on a terminal whose keyboard types some text and Ctrl-D."""
    keyboard, terminal = pty.openpty()
    program = subprocess.Popen(
        [*TOKIT, *map(str, arguments)],
        stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
    )  # fmt: skip
    os.close(terminal)
    os.write(keyboard, typed + b"\x04")
    shown = b""
    try:
        while chunk := os.read(keyboard, 1 << 16):
            shown += chunk
    except OSError:
        # Linux reports the end of the other side as an error.
        pass
    finally:
        program.wait(LIMIT)
        os.close(keyboard)
    return shown.decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("typed", "arguments", "awaited"),
    [
        (b"the sea\n", ["encode", "-t"], "reading text from the terminal; Ctrl-D ends it"),
        (b"the sea\n", ["compare"], "reading text from the terminal; Ctrl-D ends it"),
        (b"70 71\n", ["decode", "-t"], "reading ids from the terminal; Ctrl-D ends it"),
    ],
)
def test_typed_text_is_awaited(bpe_folder: Path, typed: bytes, arguments: list[str], awaited: str) -> None:
    assert awaited in on_a_terminal(typed, *arguments, bpe_folder)


def test_nothing_is_awaited_of_a_file_or_a_pipe(bpe_folder: Path, english_file: Path) -> None:
    assert "reading text" not in on_a_terminal(b"", "wc", "-t", bpe_folder, english_file)
    done = subprocess.run(
        [*TOKIT, "encode", "-t", str(bpe_folder)],
        input=b"a\n",
        capture_output=True,
        timeout=LIMIT,
        check=True,
        cwd=ROOT,
    )
    assert done.stderr == b""


def test_time_left_is_unknown_while_nothing_moves() -> None:
    from rich.progress import Progress

    from tokit.cli import progress_bar

    clock = [0.0]
    bar = Progress(get_time=lambda: clock[0])
    number = bar.add_task("encoding", total=100, reported=0.0)
    task = next(task for task in bar.tasks if task.id == number)
    for second in range(1, 11):
        clock[0] = float(second)
        bar.update(task.id, completed=second, reported=clock[0])
    assert progress_bar.TimeLeftColumn().render(task).plain == "0:01:30"
    clock[0] += progress_bar.STALE + 1
    assert progress_bar.TimeLeftColumn().render(task).plain == "-:--:--"


def test_clocks_have_names(bpe_folder: Path) -> None:
    shown = on_a_terminal(b"the sea\n", "compare", bpe_folder)
    assert "elapsed" in shown and "left" in shown
