"""Who does the bulk work: our kernels, the reference library, or whichever is sooner done. The results are the same.

The choice is an environment variable, as the number of threads is, so that it also holds for processes that we start.
"""

from __future__ import annotations

import os

from tokit.errors import UsageError
from tokit.registry import did_you_mean

VARIABLE = "TOKIT_ENGINE"
AUTO, KERNELS, REFERENCE = "auto", "kernels", "reference"
ENGINES = (AUTO, KERNELS, REFERENCE)


def set_engine(name: str | None) -> None:
    """Choose an engine for this process; None leaves what the environment says.

    Raises:
        UsageError: there is no such engine.
    """
    if name is not None:
        os.environ[VARIABLE] = name
    chosen_engine()


def chosen_engine() -> str:
    """The engine chosen: "auto", "kernels" whatever the size of the work, or "reference".

    Raises:
        UsageError: the environment names one that does not exist.
    """
    name = os.environ.get(VARIABLE) or AUTO
    if name not in ENGINES:
        raise UsageError(f"unknown engine '{name}'", hint=did_you_mean(name, list(ENGINES)))
    return name
