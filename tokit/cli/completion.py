"""Values that the shell completes: families, formats, names of bundled corpora."""

from __future__ import annotations

from collections.abc import Callable


def words(*known: str) -> Callable[[str], list[str]]:
    """Completion from a list of words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in known if word.startswith(incomplete)]

    return complete


def corpora(incomplete: str) -> list[str]:
    """Names of bundled corpora after an `@`; else nothing, and the shell completes files."""
    if not incomplete.startswith("@"):
        return []
    from tokit.corpus.bundled import list_bundled

    names = [f"@{named.name}" for named in list_bundled() if named.kind != "evaluation"]
    return words(*names)(incomplete)


def corpus_formats(incomplete: str) -> list[str]:
    """Formats of a corpus."""
    from tokit.corpus.formats import READERS

    return words(*READERS)(incomplete)
