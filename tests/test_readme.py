"""The README's commands run as they stand, and its table of commands is complete."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tokit.cli.commands import COMMANDS

README = Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
# The demo takes a minute, or some on a loaded machine.
pytestmark = pytest.mark.timeout(1200)
# What sets up an environment is run by .ci/run and by hand.
SET_UP = ("pip install", "activate")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def runs_here(recipe: str) -> bool:
    if any(word in recipe for word in SET_UP):
        return False
    of_models = TEXT.find("\n## Language models\n") < TEXT.find(recipe) < TEXT.find("\n## The commands\n")
    return not of_models or find_spec("torch") is not None


RECIPES = [block for block in blocks("sh") if runs_here(block)]


@pytest.fixture(scope="module")
def after_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    ran = run("tokit demo", folder)
    assert ran.returncode == 0, ran.stderr
    assert "tokit-demo/vectors" in ran.stdout
    for recipe in RECIPES:
        ran = run(recipe, folder)
        assert ran.returncode == 0, f"{recipe}\n{ran.stdout}\n{ran.stderr}"
        assert "error:" not in ran.stderr and "Traceback" not in ran.stderr
    return folder


def run(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # No pipefail: `sort | head` ends by a signal, as it should. A step of ours that fails says so on standard error.
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_recipes_run_in_the_order_of_the_page(after_demo: Path) -> None:
    assert len(RECIPES) >= 10
    assert (after_demo / "news.txt").stat().st_size > 300_000
    assert (after_demo / "sizes" / "4000" / "tokenizer.json").is_file()
    assert (after_demo / "news.npy").is_file()


@pytest.mark.parametrize("code", blocks("python"), ids=lambda code: "-".join(code.split()[1:4:2]))
def test_the_python_examples_run(after_demo: Path, code: str) -> None:
    if "sentence_transformers" in code:
        pytest.importorskip("sentence_transformers")
    if "AutoModel" in code:
        pytest.importorskip("torch", reason="needs the extra 'contextual'")
    ran = subprocess.run([sys.executable, "-c", code], cwd=after_demo, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_command_is_in_the_table() -> None:
    listed = set(re.findall(r"^\| `tokit (\w+)", TEXT, re.MULTILINE))
    assert listed == set(COMMANDS)


def test_the_set_up_commands_are_there() -> None:
    lines = "".join(blocks("sh"))
    assert "pip install . && .venv/bin/tokit demo" in lines
    assert "pip install -e '.[test]' && .venv/bin/pytest" in lines


def test_what_the_page_links_to_is_there() -> None:
    targets = re.findall(r"\]\(([^)#:]+)\)", TEXT)
    assert ".github/demo.svg" in targets
    assert [target for target in targets if not (README.parent / target).exists()] == []
