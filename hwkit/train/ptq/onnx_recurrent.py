"""LSTM, GRU and RNN of ONNX, for each of their outputs a layer written out step by step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.ir.types import Array
from hwkit.train.ptq.onnx_ops import OnnxCall
from hwkit.train.ptq.recurrent import GATES, Direction, Weights
from hwkit.train.ptq.standard import NotHandled

_ORDERS = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN_TANH": (0,), "RNN_RELU": (0,)}
"""ONNX's gates (LSTM: input, output, forget, cell; GRU: update, reset, new) in PyTorch's order."""
_FUNCTIONS = {
    "LSTM": ["sigmoid", "tanh", "tanh"],
    "GRU": ["sigmoid", "tanh"],
    "RNN_TANH": ["tanh"],
    "RNN_RELU": ["relu"],
}


class OnnxRecurrent(nn.Module):
    """Sequences (N, steps, width) to Y with the batch first, (N, steps, directions, units), or of
    ``last`` to the last hidden (N, directions, units) or cell state."""

    def __init__(self, directions: list[Weights], steps: int, layout: int) -> None:
        super().__init__()
        self.directions = nn.ModuleList(Direction(weights, steps) for weights in directions)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = [direction(x) for direction in self.directions]
        rows, hidden, cells = (torch.cat([f[k].unsqueeze(-2) for f in found], -2) for k in range(3))
        return rows, hidden, cells


class _Output(nn.Module):
    """One of the three outputs."""

    def __init__(self, layer: OnnxRecurrent, place: int) -> None:
        super().__init__()
        self.layer, self.place = layer, place

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layer(x)[self.place]
        return found


def _recurrent(c: OnnxCall) -> list[nn.Module | None]:
    """A module for each output that is given, in ONNX's order."""
    weights = _weights(c)
    layout = c.node.attribute("layout", 0)
    steps = c.shapes[0][1 if layout else 0]
    layer = OnnxRecurrent(weights, steps, layout)
    return [_Output(layer, k) for k in range(len(c.node.outputs))]


def _weights(c: OnnxCall) -> list[Weights]:
    kind, sides = _kind(c), c.node.attribute("direction", "forward")
    w, r, bias = c.constant(1), c.constant(2), c.constant(3)
    if w is None or r is None or w.ndim != 3 or r.ndim != 3:
        raise NotHandled("give it constant weights")
    count, units = GATES[kind], r.shape[2]
    if c.node.attribute("clip", 0.0) or c.node.attribute("input_forget", 0):
        raise NotHandled("leave clip and input_forget out")
    lengths = c.constant(4)
    if lengths is not None and set(lengths.flat) != {c.shapes[0][0]}:
        raise NotHandled("sequences of one length")
    for place in (5, 6, 7):
        given = c.constant(place)
        if given is not None and given.any():
            raise NotHandled("an initial state of zeros, and no peepholes")
    if bias is None:
        bias = np.zeros((len(w), 2 * count * units), np.float32)
    backward = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[sides]
    order = _ORDERS[kind]

    def gates(values: Array) -> Tensor:
        parts = np.split(np.asarray(values, np.float32), count)
        return torch.from_numpy(np.concatenate([parts[k] for k in order]))

    return [
        Weights(
            kind,
            gates(w[k]),
            gates(r[k]),
            gates(bias[k][: count * units]),
            gates(bias[k][count * units :]),
            reset_after=kind != "GRU" or bool(c.node.attribute("linear_before_reset", 0)),
            backward=side,
        )
        for k, side in enumerate(backward)
    ]


def _kind(c: OnnxCall) -> str:
    given: Any = c.node.attribute("activations", [])
    texts = (n.decode(errors="replace") if isinstance(n, bytes) else str(n) for n in given)
    names = [text.lower() for text in texts]
    kinds = ["RNN_TANH", "RNN_RELU"] if c.node.op_type == "RNN" else [c.node.op_type]
    for kind in kinds:
        functions = _FUNCTIONS[kind]
        if not names or names in (functions, functions * 2):
            return kind
    raise NotHandled(f"functions {', '.join(names)[:60]}; use its own")


RECURRENT: Mapping[str, Callable[[OnnxCall], list[nn.Module | None]]] = dict.fromkeys(
    ("LSTM", "GRU", "RNN"), _recurrent
)
"""By ONNX op."""
