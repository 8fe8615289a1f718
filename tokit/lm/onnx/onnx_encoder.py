"""Vectors of tokens and documents out of a model in ONNX, computed by ONNX Runtime. Needs no torch.

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

# What tokit names them, in the order of what is looked for; exporters of others put them into a folder of its own.
PLAIN, INT8 = "model.onnx", "model_int8.onnx"
PLACES = ("", "onnx")
IDS, MASK, TYPES, OUTPUT = "input_ids", "attention_mask", "token_type_ids", "last_hidden_state"
NEEDED = f"{IDS} and {MASK} to (rows, tokens, columns), as 'tokit export MODEL --to onnx' writes"
# Only errors are told.
LOG_ERRORS = 3


@dataclass(frozen=True)
class OnnxEncoder(ModelEncoder):
    """A session of ONNX Runtime.

    Attributes:
        session: Takes ids and a mask, and perhaps types of tokens, which are all 0 here.
        output: Its output with the vectors of tokens.
        pad: The id that fills rows up.
        context: Tokens of a document that are looked at.
        columns: Of a vector.
    """

    session: Any
    output: str
    pad: int
    context: int
    columns: int

    @property
    def dim(self) -> int:
        return self.columns

    def vectors(self, rows: IntArray, real: IntArray) -> FloatArray:
        given = {IDS: rows, MASK: real, TYPES: np.zeros_like(rows)}
        inputs = {each.name: given[each.name] for each in self.session.get_inputs()}
        vectors: FloatArray = self.session.run([self.output], inputs)[0]
        return vectors


def require_onnx(what: str) -> None:
    """Check that ONNX Runtime is there, without importing it.

    Raises:
        MissingExtraError: it is not.
    """
    if find_spec("onnxruntime") is None:
        raise MissingExtraError(what, "onnx")


def find_onnx(folder: Path, *, int8: bool = False) -> Path | None:
    """The file of a folder that holds a model in ONNX; None when it has none."""
    places = (folder / place / (INT8 if int8 else PLAIN) for place in PLACES)
    return next((place for place in places if place.is_file()), None)


def load_onnx_encoder(path: Path, *, pad: int, context: int, threads: int) -> OnnxEncoder:
    """Open a model in ONNX.

    Args:
        path: The file.
        pad: The id that fills rows up.
        context: Tokens of a document that are looked at.
        threads: That compute.

    Raises:
        MissingExtraError: ONNX Runtime is not installed.
        ArtifactError: the file is damaged, needs more than ids, mask and types, or gives no vector for each token.
    """
    require_onnx(str(path))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = LOG_ERRORS
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class but this
        raise ArtifactError(f"{path}: not a model that ONNX Runtime opens: {error}", hint="export it again") from error
    _check_inputs(path, {each.name for each in session.get_inputs()})
    # Exporters of others may give a document's vector, or a cache, besides.
    outputs = {each.name: each.shape for each in session.get_outputs()}
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
        raise ArtifactError(f"{path} wants {', '.join(sorted(unknown))}, which tokit does not have", hint=NEEDED)
