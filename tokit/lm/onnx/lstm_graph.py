"""ONNX graph of the LSTM language model, by ONNX's LSTM operator, which takes rows of different lengths.

https://onnx.ai/onnx/operators/onnx__LSTM.html
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from tokit.arrays import FloatArray
from tokit.lm.families.lstm_model import LstmLanguageModel
from tokit.lm.onnx.onnx_encoder import IDS, MASK, OUTPUT

OPSET, IR_VERSION = 17, 8
# torch has the gates in the order input, forget, cell, output; ONNX: input, output, forget, cell.
GATES = (0, 3, 1, 2)


class LstmGraph:
    """Nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, value: Any) -> str:
        """Add an array."""
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def add(self, operator: str, inputs: list[str], output: str, **attributes: Any) -> str:
        """Add a node with one output."""
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def layer(self, lstm: Any, name: str, read: str, lengths: str, direction: str) -> str:
        """Add a layer; its states have shape (tokens, rows, size)."""
        weights = self.constant(f"{name}.w", by_gate(lstm.weight_ih_l0)[None])
        recurrent = self.constant(f"{name}.r", by_gate(lstm.weight_hh_l0)[None])
        bias = self.constant(f"{name}.b", np.concatenate([by_gate(lstm.bias_ih_l0), by_gate(lstm.bias_hh_l0)])[None])
        states = self.add(
            "LSTM", [read, weights, recurrent, bias, lengths], f"{name}.states", direction=direction,
            hidden_size=lstm.hidden_size,
        )  # fmt: skip
        # Drop the axis of directions.
        return self.add("Squeeze", [states, "directions"], name)

    def stack(self, model: LstmLanguageModel, layers: Any, name: str, lengths: str, direction: str) -> str:
        """Add the layers of a direction, and their mix."""
        weights = (model.gamma * torch.softmax(model.mix, dim=0)).detach().numpy()
        read, total = "read", self.add("Mul", ["read", self.constant(f"{name}.share0", weights[0])], f"{name}.mix0")
        for number, lstm in enumerate(layers, 1):
            states = self.layer(lstm, f"{name}{number}", read, lengths, direction)
            read = self.add("Add", [states, read], f"{name}{number}.sum") if number > 1 else states
            share = self.constant(f"{name}.share{number}", weights[number])
            part = self.add("Mul", [read, share], f"{name}{number}.part")
            total = self.add("Add", [total, part], f"{name}.mix{number}")
        return total


def lstm_graph(model: LstmLanguageModel) -> Any:
    """The model without its head: ids and attention mask to mixed vectors.

    Returns:
        An `onnx.ModelProto`.
    """
    graph = LstmGraph()
    graph.constant("table", model.table.weight.detach().numpy())
    graph.constant("directions", np.array([1]))
    graph.constant("columns", np.array([2]))
    ids = graph.add("Transpose", [IDS], "steps", perm=[1, 0])
    real = graph.add("Cast", [graph.add("Transpose", [MASK], "real", perm=[1, 0])], "real.float", to=TensorProto.FLOAT)
    real = graph.add("Unsqueeze", [real, "columns"], "real.column")
    graph.add("Mul", [graph.add("Gather", ["table", ids], "looked_up"), real], "read")
    lengths = graph.add("ReduceSum", [MASK, "directions"], "lengths.long", keepdims=0)
    lengths = graph.add("Cast", [lengths], "lengths", to=TensorProto.INT32)
    first = graph.stack(model, model.onward, "onward", lengths, "forward")
    second = graph.stack(model, model.backward_, "backward", lengths, "reverse")
    both = graph.add("Concat", [first, second], "both", axis=2)
    graph.add("Transpose", [both], OUTPUT, perm=[1, 0, 2])
    return _proto(graph, model.config.hidden_size)


def _proto(graph: LstmGraph, dim: int) -> Any:
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["rows", "tokens"]) for name in (IDS, MASK)]
    outputs = [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["rows", "tokens", dim])]
    proto = helper.make_graph(graph.nodes, "lstm", inputs, outputs, graph.constants)
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(proto, opset_imports=[opset], ir_version=IR_VERSION, producer_name="tokit")
    onnx.checker.check_model(model)
    return model


def by_gate(weights: Any) -> FloatArray:
    """Reorder the rows of the four gates for ONNX."""
    parts = np.split(weights.detach().numpy(), len(GATES))
    return np.concatenate([parts[gate] for gate in GATES])
