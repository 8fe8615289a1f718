"""The pages of docs/: their commands and examples run, their links lead somewhere, the reference is current."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.bench.__main__ import OTHERS
from tests.bench.__main__ import parser as bench_parser
from tests.bench.task import JOBS
from tests.support.cli_reference import reference
from tests.support.commands import GROUPS, RUNNABLE
from tests.support.pages import README, Page, assert_succeeded, run_python, run_shell
from tests.support.program import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
# Pages whose commands run in the folder of the demo, each on its own.
GUIDES = ["tokenizers", "embeddings", "language-models", "python"]
NEED_TORCH = ["language-models"]
BENCH_COMMANDS = re.findall(r"`python -m tests\.bench ([^`]+)`", (DOCS / "benchmarks.md").read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.timeout(2400)
@pytest.mark.parametrize("name", GUIDES)
def test_commands_and_examples_run_in_the_order_of_the_page(name: str, demo_folder: Path, tmp_path: Path) -> None:
    if name in NEED_TORCH and find_spec("torch") is None:
        pytest.skip("needs the extra 'contextual'")
    page, folder = Page(DOCS / f"{name}.md"), tmp_path / "work"
    shutil.copytree(demo_folder, folder)
    assert len(page.commands()) + len(page.examples()) >= 4
    for script in page.commands():
        assert_succeeded(run_shell(script, folder), script)
    for code in page.examples():
        assert_succeeded(run_python(code, folder), code)


def test_only_guides_have_commands_to_run() -> None:
    assert {page.stem for page in PAGES if Page(page).commands() or Page(page).examples()} == set(GUIDES)


def test_reference_of_commands_is_current() -> None:
    stale = (DOCS / "cli.md").read_text(encoding="utf-8") != reference()
    assert not stale, "docs/cli.md is stale; renew it: python -m tests.support.cli_reference > docs/cli.md"


@pytest.mark.parametrize("command", [*GROUPS, *RUNNABLE])
def test_every_command_has_a_heading_in_the_reference(command: str) -> None:
    headings = [line.lstrip("# ") for line in (DOCS / "cli.md").read_text("utf-8").splitlines() if line.startswith("#")]
    assert headings.count(f"tokit {command}") == 1


@pytest.mark.parametrize("name", ["architecture", "kernels"])
def test_modules_and_their_names_exist(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    found = re.findall(r"`((?:\w+/)+\w+\.py)(?:`?: ?`?([A-Za-z_]+))?`", text)
    assert found
    for path, attribute in found:
        files = [
            place / path for place in (ROOT, ROOT / "tokit", ROOT / "tokit" / "kernels") if (place / path).exists()
        ]
        assert files, path
        assert attribute in files[0].read_text(encoding="utf-8"), f"{path}: {attribute}"


@pytest.mark.parametrize("line", BENCH_COMMANDS)
def test_benchmarks_name_commands_of_the_bench(line: str) -> None:
    job, *rest = shlex.split(line)
    parser = import_module(OTHERS[job].__module__).parser() if job in OTHERS else bench_parser()
    parser.parse_args(rest if job in OTHERS else [job, *rest])


def test_benchmarks_name_every_job_of_the_bench() -> None:
    text = (DOCS / "benchmarks.md").read_text(encoding="utf-8")
    assert {line.split()[0] for line in BENCH_COMMANDS} >= set(OTHERS)
    assert [job for job in JOBS if f"`{job}`" not in text and f"bench {job}" not in text] == []


@pytest.mark.parametrize("path", [README.path, *PAGES], ids=lambda path: path.stem)
def test_relative_links_lead_to_a_file(path: Path) -> None:
    assert Page(path).missing_links() == []


def test_readme_links_to_every_page() -> None:
    assert [page.name for page in PAGES if f"(docs/{page.name})" not in README.text] == []


@pytest.mark.parametrize("path", [README.path, *PAGES], ids=lambda path: path.stem)
def test_lines_are_at_most_120_characters_long(path: Path) -> None:
    assert [line for line in path.read_text("utf-8").splitlines() if len(line) > 120 and not line.startswith("|")] == []
