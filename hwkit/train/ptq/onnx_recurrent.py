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
    """Sequences (N, steps, width) and, where the file has them, the first states (N, directions,
    units), to Y with the batch first, (N, steps, directions, units), and the last hidden and cell
    states (N, directions, units). ``given``: which of hidden and cell state are."""

    def __init__(self, directions: list[Weights], steps: int, given: tuple[bool, bool]) -> None:
        super().__init__()
        self.directions = nn.ModuleList(Direction(weights, steps) for weights in directions)
        self.given = given

    def forward(self, x: Tensor, *states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = [self._one(k, each, x, states) for k, each in enumerate(self.directions)]
        rows, hidden, cells = (torch.cat([f[k].unsqueeze(-2) for f in found], -2) for k in range(3))
        return rows, hidden, cells

    def _one(self, k: int, one: nn.Module, x: Tensor, states: tuple[Tensor, ...]) -> Any:
        if not states:
            return one(x)
        left = iter(states)
        one.begin = tuple(next(left)[:, k] if g else one.start() for g in self.given)
        try:
            return one(x)
        finally:
            one.begin = one.end = None


def _recurrent(c: OnnxCall) -> list[nn.Module | None]:
    """One module that gives all outputs, in ONNX's order."""
    steps = c.shapes[0][1 if c.node.attribute("layout", 0) else 0]
    weights, (hidden, cell) = _weights(c), (c.is_computed(place) for place in (5, 6))
    return [OnnxRecurrent(weights, steps, (hidden, cell))]


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
        given = None if place < 7 and c.is_computed(place) else c.constant(place)
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
