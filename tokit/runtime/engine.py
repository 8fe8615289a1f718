"""Engine selection: kernels, reference library, or auto (the faster one). The results are the same.

The choice is an environment variable, as the number of threads is, so that child processes inherit it.
"""

from __future__ import annotations

import os

from tokit.errors import UsageError
from tokit.registry import did_you_mean

VARIABLE = "TOKIT_ENGINE"
AUTO, KERNELS, REFERENCE = "auto", "kernels", "reference"
ENGINES = (AUTO, KERNELS, REFERENCE)


def set_engine(name: str | None) -> None:
    """Choose an engine for this process; None leaves the environment as it is set.

    Raises:
        UsageError: there is no such engine.
    """
    if name is not None:
        os.environ[VARIABLE] = name
    chosen_engine()


def chosen_engine() -> str:
    """The chosen engine: "auto", "kernels" for work of any size, or "reference".

    Raises:
        UsageError: the environment names one that does not exist.
    """
    name = os.environ.get(VARIABLE) or AUTO
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}'", hint=did_you_mean(name, list(ENGINES)))
    return name
