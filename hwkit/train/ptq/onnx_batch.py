"""Tensors of an ONNX file whose batch is not their first axis, as around recurrent layers.

Exporters turn (batch, steps, width) to (steps, batch, width) before an LSTM, and back behind it.
Each tensor is drawn with its batch first, whatever the file has, and where the file has it is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from torch import nn

from hwkit.ir.types import Shape
from hwkit.train.ptq import pieces
from hwkit.train.ptq.onnx_ops import OnnxCall
from hwkit.train.ptq.onnx_recurrent import RECURRENT
from hwkit.train.ptq.standard import NotHandled

Moved = tuple[list[nn.Module | None], int]
"""Modules of the tensor with its batch first, and the batch's axis in the file behind them."""


def batch_first(shape: Shape, batch: int) -> Shape:
    """Example: (steps, 1, width) with batch 1 is (1, steps, width)."""
    return (shape[batch], *shape[:batch], *shape[batch + 1 :])


def _place(axis: int, batch: int) -> int:
    """Where an axis of the file is once the batch is first."""
    if axis == batch:
        raise NotHandled("leave the batch as it is")
    return axis + (axis < batch)


def _transposed(c: OnnxCall, batch: int) -> Moved:
    rank = len(c.shapes[0])
    order = c.node.attribute("perm", list(range(rank))[::-1])
    rest = [_place(a, batch) for a in order if a != batch]
    same = rest == sorted(rest)
    return [None if same else pieces.Permuted([0, *rest])], order.index(batch)


def _viewed(c: OnnxCall, batch: int) -> Moved:
    """Squeeze, Unsqueeze and Reshape: the batch's axis is where as many numbers lie before it."""
    before, after = c.shapes[0], c.after[0]
    size, ahead = before[batch], _product(before[:batch])
    places = [k for k, n in enumerate(after) if n == size and _product(after[:k]) == ahead]
    if c.node.op_type == "Squeeze":
        axes = c.axes(1) or [k for k, n in enumerate(before) if n == 1 and k != batch]
        places = [batch - sum(a < batch for a in axes)]
    elif c.node.op_type == "Unsqueeze":
        given = c.constant(1)
        axes = c.node.attribute("axes", []) if given is None else [int(a) for a in given.flat]
        fresh = {a % len(after) for a in axes}
        places = [[k for k in range(len(after)) if k not in fresh][batch]]
    elif batch == 0:
        places = [0]
    if not places or (places[-1] != places[0] and size != 1):
        raise NotHandled(f"shape {before} to {after}; keep the batch in its place")
    return [pieces.Reshaped(batch_first(after, places[0])[1:])], places[0]


def _product(sizes: Shape) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _gathered(c: OnnxCall, batch: int) -> Moved:
    """One place of an axis, or the places of a range."""
    axis = c.node.attribute("axis", 0) % len(c.shapes[0])
    size, places = c.shapes[0][axis], c.constant(1)
    if places is None or places.ndim > 1 or not places.size:
        raise NotHandled("gather constant places, one or a row of them")
    found = [int(p) % size for p in places.reshape(-1)]
    steps = {b - a for a, b in pairwise(found)} or {1}
    if len(steps) > 1 or min(steps) < 1:
        raise NotHandled("gather places that are equally far apart, in order")
    at = _place(axis, batch)
    part = pieces.Part(at, found[0], found[-1] + 1, steps.pop())
    if places.ndim:
        return [part], batch
    moved = batch - (axis < batch)
    return [part, pieces.Reshaped(batch_first(c.after[0], moved)[1:])], moved


def _sliced(c: OnnxCall, batch: int) -> Moved:
    """A range of one axis."""
    cut = [a for a, (b, n) in enumerate(zip(c.shapes[0], c.after[0], strict=True)) if b != n]
    axes, starts, steps = c.axes(3), c.constant(1), c.constant(4)
    if starts is None or len(cut) > 1 or (steps is not None and set(steps.flat) != {1}):
        raise NotHandled("cut one axis, place after place")
    if not cut:
        return [None], batch
    at = (axes or list(range(len(starts)))).index(cut[0])
    start = int(starts[at]) + (c.shapes[0][cut[0]] if starts[at] < 0 else 0)
    return [pieces.Part(_place(cut[0], batch), start, start + c.after[0][cut[0]])], batch


def _joined(c: OnnxCall, batch: int) -> Moved:
    axis = c.node.attribute("axis", 1) % len(c.after[0])
    if c.constants:
        raise NotHandled("join activations alone")
    return [pieces.Join(_place(axis, batch))], batch


def _recurrent(c: OnnxCall, batch: int) -> Moved:
    """Y (steps, directions, batch, units), or of layout 1 (batch, steps, directions, units)."""
    layout = c.node.attribute("layout", 0)
    if batch != (0 if layout else 1):
        raise NotHandled("its input has the batch elsewhere")
    return [*RECURRENT[c.node.op_type](c)], 0 if layout else 2


MOVES: Mapping[str, Callable[[OnnxCall, int], Moved]] = {
    "Transpose": _transposed,
    **dict.fromkeys(("Squeeze", "Unsqueeze", "Reshape"), _viewed),
    "Gather": _gathered,
    "Slice": _sliced,
    "Concat": _joined,
    **dict.fromkeys(RECURRENT, _recurrent),
}
"""What takes a tensor whose batch is on any axis, by ONNX op."""

POINTWISE = frozenset({
    "Relu", "Sigmoid", "Tanh", "LeakyRelu", "Elu", "Clip", "HardSigmoid", "HardSwish", "Identity",
    "Dropout", "Cast", "Gelu", "Softplus", "Neg",
})  # fmt: skip
"""What does not care where the batch is."""
