"""Export of a language model to ONNX: ids and attention mask in, token vectors out, for batches of any shape.

https://onnx.ai; transformers models are traced by torch's exporter, https://docs.pytorch.org/docs/stable/onnx.html
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from tokit.errors import ArtifactError, MissingExtraError
from tokit.lm.families.base import Model
from tokit.lm.families.lstm_model import LstmLanguageModel
from tokit.lm.onnx.onnx_encoder import IDS, MASK, OUTPUT

OPSET = 17
AXES = {0: "rows", 1: "tokens"}
# Example batch of the exporter: one row is padded, so that no shortcut for full rows gets into the graph.
TRACED = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])


def require_exporter(what: str) -> None:
    """Check that the packages that write ONNX are installed.

    Raises:
        MissingExtraError: they are not.
    """
    if find_spec("onnx") is None or find_spec("onnxruntime") is None:
        raise MissingExtraError(what, "onnx")


class _Vectors(nn.Module):
    """The last layer only."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # type: ignore[no-any-return]


def write_onnx(model: Model, path: Path) -> None:
    """Write a model without its head.

    Raises:
        ArtifactError: the exporter cannot trace such a model.
    """
    if isinstance(model, LstmLanguageModel):
        import onnx

        from tokit.lm.onnx.lstm_graph import lstm_graph

        onnx.save(lstm_graph(model), path)
        return
    try:
        with _quiet():
            torch.onnx.export(
                _Vectors(model.eval()),
                (torch.ones_like(TRACED), TRACED),
                str(path),
                input_names=[IDS, MASK],
                output_names=[OUTPUT],
                dynamic_axes=dict.fromkeys((IDS, MASK, OUTPUT), AXES),
                opset_version=OPSET,
                # The newer one takes ten times as long, and needs one package more.
                dynamo=False,
            )
    except Exception as error:  # errors of the exporter have no common class
        kind = type(model).__name__
        raise ArtifactError(f"{kind} cannot be exported to ONNX: {error}", hint="use another model") from error


def write_int8(source: Path, path: Path) -> None:
    """Write a model with int8 matrices and dynamically quantized activations.

    https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html

    Args:
        source: A model in float32.
        path: The file to write.
    """
    with _quiet():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        quantize_dynamic(source, path, weight_type=QuantType.QInt8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence warnings of the exporters, which are meant for their developers."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
