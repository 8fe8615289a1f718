"""A matrix in a .safetensors file; its words are in a list beside it."""

from __future__ import annotations

from typing import Any, ClassVar

from tokit.embedding.formats.base import Format, Source, WordVectors, float32_rows, listed_words
from tokit.errors import ArtifactError

# Which matrix is meant, if a file has several.
USUAL_NAMES = ("embeddings", "embedding.weight", "vectors", "weight")


class Safetensors(Format):
    """The only matrix of the file, or the one with a usual name."""

    name: ClassVar[str] = "safetensors"
    needs_words: ClassVar[bool] = True
    ranked: ClassVar[bool] = False

    @classmethod
    def read(cls, source: Source) -> WordVectors:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(source.path, framework="numpy") as file:
                name = _matrix(file, source)
                array = file.get_tensor(name)
        except (SafetensorError, TypeError, ValueError, AttributeError) as error:
            # NumPy has no bfloat16, and the library then fails in ways of its own.
            raise ArtifactError(
                f"{source.path}: cannot be read: {error}", hint="damaged? or no float16, float32 or float64?"
            ) from error
        vectors = float32_rows(array, f"{source.path}: '{name}'")
        return WordVectors(listed_words(source, len(vectors)), vectors)


def _matrix(file: Any, source: Source) -> str:
    names = list(file.keys())
    matrices = [name for name in names if len(file.get_slice(name).get_shape()) == 2]
    usual = [name for name in USUAL_NAMES if name in matrices]
    if len(matrices) == 1 or usual:
        return str(usual[0] if usual else matrices[0])
    what = f"several matrices: {', '.join(matrices[:5])}" if matrices else "no matrix"
    raise ArtifactError(f"{source.path}: {what}", hint="one named 'embeddings' is taken")
