"""Marks of tests that need a package which not every installation has."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

needs_gensim = pytest.mark.skipif(find_spec("gensim") is None, reason="gensim is not installed")


def file_of_gensim(name: str) -> Path:
    """A file of the data that gensim ships; the test is skipped where gensim is not installed."""
    utils = pytest.importorskip("gensim.test.utils", reason="gensim is not installed")
    return Path(utils.datapath(name))
