"""No module of ours needs a POSIX system to be imported, and what only some systems have is asked for by `hasattr`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokit

ROOT = Path(tokit.__file__).parent
PATHS = sorted(ROOT.rglob("*.py"))
# Modules of the standard library that Windows does not have.
POSIX_MODULES = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "syslog", "readline", "posix"}
# Names that macOS or Windows lack, and what a module does about them: a function that checks, or a system that is told.
PARTIAL = {
    "os": {"fork", "fdatasync", "posix_fallocate", "sched_getaffinity", "O_CLOEXEC", "O_DIRECTORY", "mkfifo", "getuid"},
    "signal": {"SIGPIPE", "SIGHUP", "SIGKILL", "SIGUSR1", "alarm", "pthread_sigmask"},
    "select": {"poll", "epoll"},
    "mmap": {"MADV_DONTNEED", "MAP_PRIVATE", "MAP_ANONYMOUS", "PROT_READ", "PROT_EXEC"},
}
# Loads object files of Linux, and says so before it does anything else.
LINUX_ALONE = {"kernels/compiled/elf.py"}


def nodes(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8")))


def names(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def modules_of(tree: Iterator[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in tree:
        found |= {alias.name for alias in node.names} if isinstance(node, ast.Import) else set()
        found |= {str(node.module)} if isinstance(node, ast.ImportFrom) else set()
    return found


def asks_for_its_modules(node: ast.AST) -> bool:
    return isinstance(node, ast.Try) and any("ImportError" in ast.unparse(handler) for handler in node.handlers)


@pytest.mark.parametrize("path", PATHS, ids=names)
def test_posix_modules_are_imported_only_where_their_absence_is_handled(path: Path) -> None:
    tree = ast.parse(path.read_text("utf-8"))
    for attempt in [node for node in ast.walk(tree) if asks_for_its_modules(node)]:
        attempt.body = []
    assert not modules_of(ast.walk(tree)) & POSIX_MODULES


@pytest.mark.parametrize("path", [path for path in PATHS if names(path) not in LINUX_ALONE], ids=names)
def test_what_some_systems_lack_is_asked_for(path: Path) -> None:
    used, asked = set(), set()
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            used |= {f"{node.value.id}.{node.attr}"} if node.attr in PARTIAL.get(node.value.id, ()) else set()
        asks = isinstance(node, ast.Call) and ast.unparse(node.func) == "hasattr"
        if asks and isinstance(node.args[1], ast.Constant):
            asked.add(f"{ast.unparse(node.args[0])}.{node.args[1].value}")
    assert used <= asked


@pytest.mark.parametrize("path", PATHS, ids=names)
def test_the_c_library_is_not_taken_for_granted(path: Path) -> None:
    """On Windows `ctypes.CDLL(None)` raises TypeError, and elsewhere not every function is there."""
    source = path.read_text("utf-8")
    if "CDLL(None)" in source and names(path) not in LINUX_ALONE:
        assert "TypeError" in source and "AttributeError" in source
