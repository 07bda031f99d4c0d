"""Ops that only move integers, in the file's layout: maps are (N, C, H, W) there."""

from __future__ import annotations

import numpy as np

from hwkit.ir.ops import Concat, Constant, Pad, Reshape, ResizeNearest, Slice, Transpose
from hwkit.targets.onnx.draft import Draft, axis_of, in_onnx, sizes_of
from hwkit.targets.onnx.sums import pads_of

_FAR_BACK = -(1 << 62)
"""The end of a slice that runs backwards to the first place."""


def reshape(draft: Draft, op: Reshape) -> None:
    """Row-major order is the graph's: maps are turned to (H, W, C) for it, where that matters."""
    source, target = (draft.graph.tensors[n].shape for n in (op.input, op.output))
    x = op.input
    turned = len(source) == 3 and source[0] * source[1] > 1 and source[2] > 1
    if turned:
        x = draft.node("Transpose", [x], perm=[0, 2, 3, 1])
    back = len(target) == 3 and target[0] * target[1] > 1 and target[2] > 1
    if back:
        x = draft.node("Reshape", [x, draft.indices([-1, *target])])
        draft.node("Transpose", [x], op.output, perm=[0, 3, 1, 2])
    else:
        draft.node("Reshape", [x, draft.indices([-1, *sizes_of(target)])], op.output)


def transpose(draft: Draft, op: Transpose) -> None:
    """The permutation of the file's axes that is ``op``'s of the graph's."""
    rank = len(op.permutation)
    axes = [0] * (rank + 1)
    for k, source in enumerate(op.permutation):
        axes[axis_of(k, rank)] = axis_of(source, rank)
    draft.node("Transpose", [op.input], op.output, perm=axes)


def cut(draft: Draft, op: Slice) -> None:
    """``Slice``, its axes named."""
    rank = len(op.begin)
    ends = [
        end if (end := begin + size * stride) >= 0 else _FAR_BACK
        for begin, size, stride in zip(op.begin, op.size, op.stride, strict=True)
    ]
    axes = [axis_of(k, rank) for k in range(rank)]
    named = (op.begin, ends, axes, op.stride)
    draft.node("Slice", [op.input, *(draft.indices(v) for v in named)], op.output)


def resize(draft: Draft, op: ResizeNearest) -> None:
    """Rows, then columns, gathered."""
    rows = draft.node("Gather", [op.input, draft.indices(op.rows)], axis=2)
    draft.node("Gather", [rows, draft.indices(op.columns)], op.output, axis=3)


def pad(draft: Draft, op: Pad) -> None:
    """``Pad``; 16-bit integers, which the runtime does not pad, as 64-bit ones."""
    container = draft.graph.tensors[op.input].dtype.container
    before = pads_of(op.padding)
    pads = draft.indices([0, 0, *before[:2], 0, 0, *before[2:]])
    if container.itemsize == 1:
        value = draft.constant(np.array(op.value, container))
        draft.node("Pad", [op.input, pads, value], op.output)
        return
    wide = draft.node("Pad", [draft.cast(op.input, np.int64), pads, draft.wide(op.value)])
    draft.cast(wide, container, op.output)


def concat(draft: Draft, op: Concat) -> None:
    """``Concat`` along the file's axis."""
    draft.node("Concat", op.inputs, op.output, axis=axis_of(op.axis, draft.rank(op.output)))


def constant(draft: Draft, op: Constant) -> None:
    """The value for every sample: repeated along the batch, whatever its size."""
    value = draft.graph.constants[op.value]
    stored = draft.constant(in_onnx(value[None]), op.value)
    if draft.graph.states:  # one sample at a time
        draft.node("Identity", [stored], op.output)
        return
    shape = draft.node("Shape", [draft.graph.inputs[0]], end=1)
    ones = draft.indices([1] * value.ndim)
    sizes = draft.node("Concat", [shape, ones], axis=0)
    draft.node("Expand", [stored, sizes], op.output)
