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


def import_formats(incomplete: str) -> list[str]:
    """Formats of word vectors that can be read."""
    from tokit.embedding.formats import READABLE

    return words(*READABLE)(incomplete)


def export_formats(incomplete: str) -> list[str]:
    """Formats that an embedding or a language model can be written in."""
    from tokit.embedding.formats import WRITABLE
    from tokit.ops.export import FOLDER_FORMATS, MODEL_FORMATS

    return words(*WRITABLE, *FOLDER_FORMATS, *MODEL_FORMATS)(incomplete)


def corpus_formats(incomplete: str) -> list[str]:
    """Formats of a corpus."""
    from tokit.corpus.formats import READERS

    return words(*READERS)(incomplete)
