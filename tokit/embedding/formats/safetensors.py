"""A matrix in a .safetensors file; its words are in a list beside it. It is only read."""

from __future__ import annotations

from typing import Any, ClassVar

from tokit.embedding.formats.base import ReadableFormat, VectorFile, WordVectors, listed_vectors
from tokit.errors import ArtifactError

# The matrix to read, if a file has several.
USUAL_NAMES = ("embeddings", "embedding.weight", "vectors", "weight")


class SafetensorsMatrix(ReadableFormat):
    """The only matrix of the file, or the one with a usual name."""

    needs_words: ClassVar[bool] = True
    ranked: ClassVar[bool] = False

    @classmethod
    def read(cls, file: VectorFile) -> WordVectors:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(file.source.plain_path(), framework="numpy") as opened:
                name = _matrix_name(opened, file.name)
                array = opened.get_tensor(name)
        except (SafetensorError, TypeError, ValueError, AttributeError) as error:
            # NumPy has no bfloat16, and the library then raises errors of several kinds.
            raise ArtifactError(
                f"{file.name}: cannot be read: {error}", hint="damaged? or no float16, float32 or float64?"
            ) from error
        return listed_vectors(file, array, f"{file.name}: '{name}'")


def _matrix_name(opened: Any, file: str) -> str:
    matrices = [name for name in opened.keys() if len(opened.get_slice(name).get_shape()) == 2]  # noqa: SIM118
    usual = [name for name in USUAL_NAMES if name in matrices]
    if len(matrices) == 1 or usual:
        return str(usual[0] if usual else matrices[0])
    what = f"several matrices: {', '.join(matrices[:5])}" if matrices else "no matrix"
    raise ArtifactError(f"{file}: {what}", hint="one named 'embeddings' is read")
