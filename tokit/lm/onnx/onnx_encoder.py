"""Token vectors from an ONNX model in ONNX Runtime. Needs no torch.

https://onnx.ai/onnx/repo-docs/IR.html; https://onnxruntime.ai/docs/api/python
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tokit.arrays import FloatArray, IntArray
from tokit.errors import ArtifactError, MissingExtraError
from tokit.lm.data.length_batches import ModelEncoder

# Names of tokit's files, and where they are looked for: other exporters put them into a folder "onnx".
PLAIN, INT8 = "model.onnx", "model_int8.onnx"
PLACES = ("", "onnx")
IDS, MASK, TYPES, OUTPUT = "input_ids", "attention_mask", "token_type_ids", "last_hidden_state"
NEEDED = f"{IDS} and {MASK} to (rows, tokens, dim), as 'tokit export MODEL --to onnx' writes"
# Log level: errors only.
LOG_ERRORS = 3


@dataclass(frozen=True)
class OnnxEncoder(ModelEncoder):
    """A session of ONNX Runtime.

    Attributes:
        session: Takes ids and an attention mask, and perhaps token type ids, which are all 0 here.
        output: Name of the output with the token vectors.
        pad: Padding id.
        context: Largest number of tokens of a document.
        size: Dimension of a vector.
    """

    session: Any
    output: str
    pad: int
    context: int
    size: int

    @property
    def dim(self) -> int:
        return self.size

    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        arrays = {IDS: rows, MASK: real, TYPES: np.zeros_like(rows)}
        inputs = {node.name: arrays[node.name] for node in self.session.get_inputs()}
        vectors: FloatArray = self.session.run([self.output], inputs)[0]
        return vectors


def require_onnx(what: str) -> None:
    """Check that ONNX Runtime is installed, without importing it.

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError(what, "onnx")


def find_onnx(folder: Path, *, int8: bool = False) -> Path | None:
    """ONNX model of a folder; None when it has none."""
    places = (folder / place / (INT8 if int8 else PLAIN) for place in PLACES)
    return next((place for place in places if place.is_file()), None)


def load_onnx_encoder(path: Path, *, pad: int, context: int, threads: int) -> OnnxEncoder:
    """Open an ONNX model.

    Args:
        path: The file.
        pad: Padding id.
        context: Largest number of tokens of a document.
        threads: Number of threads.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        ArtifactError: the file is damaged, has inputs other than ids, attention mask and token types, or has no token
            vectors.
    """
    require_onnx(str(path))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = LOG_ERRORS
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class
        raise ArtifactError(f"{path}: not a model that ONNX Runtime opens: {error}", hint="export it again") from error
    _check_inputs(path, {node.name for node in session.get_inputs()})
    # Other exporters may add the vector of a document, or a cache.
    outputs = {node.name: node.shape for node in session.get_outputs()}
    output = OUTPUT if OUTPUT in outputs else next(iter(outputs))
    shape = outputs[output]
    if len(shape) != 3 or not isinstance(shape[-1], int):
        raise ArtifactError(f"{path}: its output {output} is of shape {shape}", hint=f"needed: {OUTPUT}, {NEEDED}")
    return OnnxEncoder(session, output, pad, context, shape[-1])


def _check_inputs(path: Path, names: set[str]) -> None:
    lacking, unknown = {IDS, MASK} - names, names - {IDS, MASK, TYPES}
    if lacking:
        raise ArtifactError(f"{path} does not take {', '.join(sorted(lacking))}", hint=NEEDED)
    if unknown:
        raise ArtifactError(f"{path} needs {', '.join(sorted(unknown))}, which tokit does not have", hint=NEEDED)
