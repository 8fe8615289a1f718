"""The check for gensim: a reference implementation and a source of texts, not a need."""

from __future__ import annotations

from importlib.util import find_spec

from tokit.errors import MissingPackageError


def require_gensim(what: str) -> None:
    """Check that gensim is installed.

    Args:
        what: Subject of the message: "--engine reference".

    Raises:
        MissingPackageError: it is not.
    """
    if find_spec("gensim") is None:
        raise MissingPackageError(
            f"{what} needs gensim, which is not installed",
            hint="pip install gensim, with a Python that it has wheels for (3.13 or earlier)",
        )
