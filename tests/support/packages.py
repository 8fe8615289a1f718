"""Marks of tests that need a package which not every installation has."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

needs_gensim = pytest.mark.skipif(find_spec("gensim") is None, reason="gensim is not installed")
