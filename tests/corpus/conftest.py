"""Fixtures of tests that read a corpus."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The path of a text file to write."""
    return tmp_path / "text.txt"
