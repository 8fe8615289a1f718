"""Run with the kernels, or without them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tokit.runtime.engine import VARIABLE


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Run with the kernels whatever the size of the work, or without them: "kernels" or "reference"."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, name)
        yield
