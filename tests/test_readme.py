"""The README: its commands and examples run as they stand, and it stays short."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.pages import README, assert_succeeded, run_python, run_shell

# The demo takes a minute, or some on a loaded machine.
pytestmark = pytest.mark.timeout(1200)
MAX_LINES = 200


@pytest.fixture(scope="module")
def folder(demo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo and then all commands of the page have run."""
    folder = tmp_path_factory.mktemp("readme") / "work"
    shutil.copytree(demo_folder, folder)
    for script in README.commands():
        assert_succeeded(run_shell(script, folder), script)
    return folder


@pytest.mark.slow
def test_commands_run_in_the_order_of_the_page(folder: Path) -> None:
    commands = README.commands()
    assert len(commands) >= 11
    assert sum(command.startswith("tokit train") for command in commands) == 1
    assert (folder / "news.txt").stat().st_size > 300_000
    assert (folder / "tok" / "tokenizer.json").is_file()
    assert (folder / "shards" / "val.bin").is_file()
    assert (folder / "news.npy").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("code", README.examples(), ids=lambda code: "-".join(code.split()[1:4:2]))
def test_python_examples_run(folder: Path, code: str) -> None:
    if "sentence_transformers" in code:
        pytest.importorskip("sentence_transformers")
    ran = run_python(code, folder)
    assert ran.returncode == 0, ran.stderr


def test_ten_common_tasks_have_a_command_each() -> None:
    section = README.text.partition("## Ten common tasks")[2].partition("\n## ")[0]
    assert sum(line.startswith("| ") and "`tokit " in line for line in section.splitlines()) == 10
    assert sum("\n" not in command for command in README.commands()) == 10


def test_set_up_commands_are_those_that_continuous_integration_looks_for() -> None:
    assert "pip install . && .venv/bin/tokit demo" in README.text
    assert ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest\n" in README.text


def test_page_is_short() -> None:
    assert len(README.text.splitlines()) <= MAX_LINES


def test_picture_of_the_demo_is_shown() -> None:
    assert "](.github/demo.svg)" in README.text
