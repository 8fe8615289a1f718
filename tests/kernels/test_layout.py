"""Constants that kernels and their callers share stand once, in `tokit/kernels/layout.py`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokit
from tokit.kernels import layout

ROOT = Path(tokit.__file__).parent
LAYOUT = Path(layout.__file__)
SHARED = {name for name in vars(layout) if name.isupper()}


def shares(path: Path) -> bool:
    """Whether a module is a kernel, or takes something of the layout."""
    return path.is_relative_to(LAYOUT.parent) or "tokit.kernels.layout" in path.read_text("utf-8")


def defined(path: Path) -> Iterator[str]:
    """Names that a module gives a value to, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(ROOT.rglob("*.py")) if path != LAYOUT and shares(path)],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_other_module_defines_a_shared_constant(path: Path) -> None:
    assert not SHARED & set(defined(path))


def test_layout_needs_no_numba() -> None:
    imports = [node for node in ast.walk(ast.parse(LAYOUT.read_text("utf-8"))) if isinstance(node, ast.Import)]
    assert [alias.name for node in imports for alias in node.names] == ["numpy"]


def test_every_shared_constant_is_used() -> None:
    used: set[str] = set()
    for path in ROOT.rglob("*.py"):
        if path != LAYOUT:
            used |= {node.id for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Name)}
    assert used >= SHARED


def test_slots_and_states_do_not_overlap() -> None:
    """Places in one array are different, and lie within it."""
    for places, size in (
        ([layout.POSITION, layout.DOCUMENT, layout.SHORTS, layout.LONGS, layout.ARENA, layout.COUNTED, layout.WANTED],
         layout.COUNT_STATE),
        ([layout.POSITION, layout.DOCUMENT, layout.WRITTEN, layout.NEEDED], layout.ENCODE_STATE),
        ([layout.PAIRS, layout.USED, layout.HEAP, layout.MERGES, layout.NEXT_ID, layout.LISTED], layout.MERGE_STATE),
        ([0, int(layout.REST), int(layout.LONG_VALUE), int(layout.PLACE)], layout.LONG_SLOT),
        ([0, int(layout.SHORT_VALUE)], layout.SHORT_SLOT),
    ):  # fmt: skip
        assert sorted(places) == list(range(size))
