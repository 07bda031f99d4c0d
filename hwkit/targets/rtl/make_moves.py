"""Ops that compute nothing, as layers of a core."""

from __future__ import annotations

import numpy as np

from hwkit.ir.ops import (
    Concat,
    ResizeNearest,
    Slice,
    Transpose,
)
from hwkit.ir.types import IntType
from hwkit.targets.rtl.maker import Maker
from hwkit.targets.rtl.moving import Join
from hwkit.targets.rtl.ranges import Range, of_type, signed_bits


def moved(m: Maker, op: Slice | Transpose | ResizeNearest) -> None:
    tensor = m.graph.tensors[op.input]
    index = np.arange(tensor.elements).reshape(tensor.shape)
    match op:
        case Slice():
            axes = zip(op.begin, op.size, op.stride, strict=True)
            index = index[np.ix_(*(b + s * np.arange(n) for b, n, s in axes))]
        case Transpose():
            index = index.transpose(op.permutation)
        case ResizeNearest():
            index = index[np.ix_(op.rows, op.columns)]
    m.gather(op.name, op.input, op.output, index)


def joined(m: Maker, op: Concat) -> None:
    if len(op.inputs) == 1:
        m.aliases[op.output] = m.real(op.inputs[0])
        return
    shape = m.graph.tensors[op.output].shape
    parts = [m.value(name) for name in op.inputs]
    low = min(part.range.low for part in parts)
    high = max(part.range.high for part in parts)
    dtype = parts[0].dtype
    if any(part.dtype != dtype for part in parts):
        dtype = IntType(max(signed_bits(of_type(part.dtype)) for part in parts), True)
    turns = [int(np.prod(m.graph.tensors[name].shape[op.axis :])) for name in op.inputs]
    layer = Join(
        op.name,
        tuple(m.real(name) for name in op.inputs),
        op.output,
        tuple(turns),
        int(np.prod(shape[: op.axis])),
        dtype,
    )
    m.put(layer, dtype, Range(low, high))
