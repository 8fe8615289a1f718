"""ONNX models of a language model in a folder: exported, quantized to int8, and compared with torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tokit.arrays import FloatArray, Ids
from tokit.errors import CheckError
from tokit.lm.contextual_embedder import ContextualEmbedder
from tokit.lm.onnx.onnx_encoder import INT8, PLAIN, load_onnx_encoder
from tokit.runtime.threads import thread_count

if TYPE_CHECKING:
    from tokit.lm.torch_encoder import TorchEncoder

# Largest difference from torch.
TOLERANCE = 1e-4
# Texts to compare: of many lengths, some of the same length, and one longer than any model takes.
SENTENCES = (
    "The river rose in the night, and by 6 o'clock the water stood at the old bank's door; nobody slept. "
    "“Where is the boat?” asked Zoë — her brother had taken it to Ångström's mill, 12 km away, for 日本語 books & tea."
)
WORDS = SENTENCES.split()
TEXTS = ["", *[" ".join(WORDS[first : first + count]) for count in (1, 2, 3, 5, 8, 13, 21, 34) for first in (0, 5, 9)]]
LONG = " ".join(WORDS * 60)


@dataclass(frozen=True, slots=True)
class OnnxComparison:
    """Agreement of ONNX models with torch.

    Attributes:
        difference: Largest difference of a token vector's component from torch; None if it was not asked for.
        cosines: Cosine of each text's vector in int8 with that of torch; None without an int8 model.
    """

    difference: float | None
    cosines: FloatArray | None


def write_models(embedder: ContextualEmbedder, folder: Path, *, int8: bool, verify: bool) -> OnnxComparison:
    """Write the ONNX models of a language model.

    Args:
        embedder: The model, opened in torch.
        folder: Where to write.
        int8: Write a model with int8 matrices, too.
        verify: Compare the vectors of texts with torch.

    Raises:
        CheckError: ONNX Runtime gives other vectors.
    """
    from tokit.lm.onnx.onnx_export import write_int8, write_onnx

    write_onnx(torch_encoder(embedder).model, folder / PLAIN)
    ids = embedder.tokenizer.encode_batch([*TEXTS, LONG], embedder.options)
    difference = _verified_difference(embedder, folder / PLAIN, ids) if verify else None
    if not int8:
        return OnnxComparison(difference, None)
    write_int8(folder / PLAIN, folder / INT8)
    # Always mean pooling, as it depends on every token.
    encoders = embedder.encoder, _in_runtime(embedder, folder / INT8).encoder
    return OnnxComparison(difference, _cosines(*(encoder.pool(embedder.within(ids)) for encoder in encoders)))


def _verified_difference(embedder: ContextualEmbedder, file: Path, ids: Ids) -> float:
    exported = _in_runtime(embedder, file)
    pairs = zip(embedder.all_tokens(ids), exported.all_tokens(ids), strict=True)
    difference = max(float(np.abs(expected - found).max(initial=0)) for expected, found in pairs)
    if not difference <= TOLERANCE:
        raise CheckError(
            f"vectors of ONNX Runtime differ from torch by {difference:.2g}", hint="please report this as a bug"
        )
    return difference


def _in_runtime(embedder: ContextualEmbedder, file: Path) -> ContextualEmbedder:
    model = embedder.encoder
    encoder = load_onnx_encoder(file, pad=model.pad, context=model.context, threads=thread_count())
    return ContextualEmbedder(encoder, embedder.tokenizer)


def _cosines(left: FloatArray, right: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines: FloatArray = (left * right).sum(axis=1) / np.maximum(lengths, 1e-30)
    return cosines


def torch_encoder(embedder: ContextualEmbedder) -> TorchEncoder:
    """The torch model of an embedder."""
    from tokit.lm.torch_encoder import TorchEncoder

    if not isinstance(embedder.encoder, TorchEncoder):
        raise TypeError(type(embedder.encoder).__name__)
    return embedder.encoder
