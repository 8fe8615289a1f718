"""Pages of documentation: their commands, examples and links, and a shell to run commands in."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.program import ROOT

# A block, or a row of a table that gives a command to each task.
COMMANDS = re.compile(
    r"^```sh\n(?P<block>.*?)^```$|^\| [^|`\n]+ \| `(?P<cell>tokit [^\n]+)` \|$", re.MULTILINE | re.DOTALL
)
# Commands that set up an environment are run by .ci/run and by hand.
SET_UP = ("pip install", "activate")


@dataclass(frozen=True)
class Page:
    """A Markdown page of the project."""

    path: Path

    @property
    def text(self) -> str:
        """The page's text."""
        return self.path.read_text(encoding="utf-8")

    def commands(self) -> list[str]:
        """Shell commands in the order of the page, without those that set up an environment."""
        found = [match["block"] or match["cell"].replace(r"\|", "|") for match in COMMANDS.finditer(self.text)]
        return [script for script in found if not any(word in script for word in SET_UP)]

    def examples(self) -> list[str]:
        """Python examples in the order of the page."""
        return re.findall(r"^```python\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def missing_links(self) -> list[str]:
        """Relative links to files that do not exist."""
        targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", self.text)
        return [target for target in targets if not (self.path.parent / target).exists()]


README = Page(ROOT / "README.md")


def run_shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script under bash in a folder; `tokit` and `python` are those of the tests."""
    # No pipefail: `sort | head` ends by a signal, as it should. A step of tokit that fails says so on standard error.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def run_python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a Python example in a folder."""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def assert_succeeded(ran: subprocess.CompletedProcess[str], script: str) -> None:
    """Exit code 0, and no error of any step of a pipeline on standard error."""
    assert ran.returncode == 0, f"{script}\n{ran.stdout}\n{ran.stderr}"
    assert "error:" not in ran.stderr, f"{script}\n{ran.stderr}"
    assert "Traceback" not in ran.stderr, f"{script}\n{ran.stderr}"
