"""Weighted sums and window sums in ONNX: ``ConvInteger`` and ``MatMulInteger`` where operands have
8 bits, else shifted copies of the map in int64. Exact either way.

Weights are stored as uint8 with zero point 128: kernels for uint8 times int8 add pairs of products
in 16 bits on x86 processors without VNNI, and saturate there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hwkit.ir.ops import (
    AvgPool2d,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Padding,
    ResizeBilinear,
    SumPool2d,
)
from hwkit.ir.shapes import extent
from hwkit.ir.sums import bias_of, farthest, largest_sums, rows_of
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32, Array, IntType
from hwkit.targets.onnx.draft import Draft

_WEIGHT_ZERO = 128
_INT32 = np.iinfo(np.int32)


def weighted_sum(draft: Draft, op: Weighted, weight: Array) -> str:
    """The accumulators of ``op`` as int64, in the file's layout, bias included."""
    if _is_native(draft, op, weight):
        return _native(draft, op, weight)
    x = centred(draft, op.input, op.input_zero_point)
    if isinstance(op, Dense):
        total = _by_matrix(draft, op, x, weight)
    else:
        total = _by_taps(draft, op, x, weight)
    bias = bias_of(op, draft.graph.constants)
    if not bias.any():
        return total
    rank = draft.rank(op.output)
    return draft.node("Add", [total, draft.channels(bias, rank)])


def centred(draft: Draft, name: str, zero_point: int) -> str:
    """``x - zero_point`` as int64."""
    x = draft.cast(name, np.int64)
    return draft.node("Sub", [x, draft.wide(zero_point)]) if zero_point else x


def fits_zero_point(dtype: IntType, zero_point: int) -> bool:
    """Whether 8-bit operators take tensors of ``dtype`` around ``zero_point``."""
    limits = np.iinfo(dtype.container)
    return limits.bits == 8 and limits.min <= zero_point <= limits.max


def _is_native(draft: Draft, op: Weighted, weight: Array) -> bool:
    tensor = draft.graph.tensors[op.input]
    if not fits_zero_point(tensor.dtype, op.input_zero_point):
        return False
    if weight.min() < -_WEIGHT_ZERO or weight.max() >= _WEIGHT_ZERO:
        return False
    most = farthest(tensor.dtype, op.input_zero_point)
    bias = bias_of(op, draft.graph.constants)
    return int(largest_sums(rows_of(op, weight), most, bias).max()) <= S32.high


def _native(draft: Draft, op: Weighted, weight: Array) -> str:
    zero = np.array(op.input_zero_point, draft.graph.tensors[op.input].dtype.container)
    stored = (weight + np.int64(_WEIGHT_ZERO)).astype(np.uint8)
    zeros = [draft.constant(zero), draft.constant(np.array(_WEIGHT_ZERO, np.uint8))]
    if isinstance(op, Dense) and draft.rank(op.input) != 3:
        total = draft.node("MatMulInteger", [op.input, draft.constant(stored.T, op.weight), *zeros])
    else:
        kernel = draft.constant(onnx_weight(op, stored), op.weight)
        attributes = {} if isinstance(op, Dense) else window_attributes(op)
        if isinstance(op, DepthwiseConv2d):
            attributes["group"] = draft.graph.tensors[op.input].shape[2]
        total = draft.node("ConvInteger", [op.input, kernel, *zeros], **attributes)
    bias = bias_of(op, draft.graph.constants)
    if bias.any():
        added = draft.channels(bias, draft.rank(op.output), np.int32)
        total = draft.node("Add", [total, added])
    return draft.cast(total, np.int64)


def onnx_weight(op: Weighted, weight: Array) -> Array:
    """The weight as Conv takes it, (O, I, KH, KW); of a dense layer over maps a 1 x 1 kernel."""
    if isinstance(op, Dense):
        return weight[:, :, None, None]
    if isinstance(op, DepthwiseConv2d):
        return weight.transpose(3, 0, 1, 2)
    return weight.transpose(0, 3, 1, 2)


def window_attributes(op: Conv2d | DepthwiseConv2d) -> dict[str, Any]:
    """``strides``, ``pads`` and ``dilations``."""
    return {
        "strides": list(op.stride), "pads": pads_of(op.padding), "dilations": list(op.dilation)
    }  # fmt: skip


def pads_of(padding: Padding) -> list[int]:
    """ONNX's order of a map's borders."""
    return [padding.top, padding.left, padding.bottom, padding.right]


def _by_matrix(draft: Draft, op: Dense, x: str, weight: Array) -> str:
    if draft.rank(op.input) == 3:
        x = draft.node("Transpose", [x], perm=[0, 2, 3, 1])
    total = draft.node("MatMul", [x, draft.wide(weight.astype(np.int64).T)])
    return (
        draft.node("Transpose", [total], perm=[0, 3, 1, 2]) if draft.rank(op.input) == 3 else total
    )


def _by_taps(draft: Draft, op: Conv2d | DepthwiseConv2d, x: str, weight: Array) -> str:
    """One product for each tap of the kernel, all added."""
    rows, columns = weight.shape[1:3]
    shape = draft.graph.tensors[op.output].shape
    depthwise = isinstance(op, DepthwiseConv2d)
    times = shape[2] // draft.graph.tensors[op.input].shape[2] if depthwise else 1
    if times > 1:
        channels = np.repeat(np.arange(shape[2] // times), times)
        x = draft.node("Gather", [x, draft.indices(channels.tolist())], axis=1)
    if not depthwise:
        x = draft.node("Transpose", [x], perm=[0, 2, 3, 1])
    x = bordered(draft, x, op.padding, 2 if depthwise else 1)
    total = ""
    for r in range(rows):
        for c in range(columns):
            at = (r * op.dilation[0], c * op.dilation[1])
            part = strided(draft, x, at, op.stride, (shape[0], shape[1]), 2 if depthwise else 1)
            taps = weight[:, r, c, :].astype(np.int64)
            if depthwise:
                part = draft.node("Mul", [part, draft.wide(taps.reshape(-1, 1, 1))])
            else:
                part = draft.node("MatMul", [part, draft.wide(taps.T)])
            total = part if not total else draft.node("Add", [total, part])
    return total if depthwise else draft.node("Transpose", [total], perm=[0, 3, 1, 2])


def bordered(draft: Draft, x: str, padding: Padding, rows_axis: int, value: int = 0) -> str:
    """An int64 map with a border; its rows are axis ``rows_axis``, its columns the next."""
    before, after = [0] * 4, [0] * 4
    before[rows_axis : rows_axis + 2] = [padding.top, padding.left]
    after[rows_axis : rows_axis + 2] = [padding.bottom, padding.right]
    if not any(before + after):
        return x
    return draft.node("Pad", [x, draft.indices(before + after), draft.wide(value)])


def strided(
    draft: Draft,
    x: str,
    start: tuple[int, int],
    stride: tuple[int, int],
    count: tuple[int, int],
    rows_axis: int,
) -> str:
    """``count`` rows and columns of a map, from ``start`` on, ``stride`` apart."""
    ends = [s + (n - 1) * d + 1 for s, d, n in zip(start, stride, count, strict=True)]
    named = (start, ends, (rows_axis, rows_axis + 1), stride)
    return draft.node("Slice", [x, *(draft.indices(values) for values in named)])


def window_sum(draft: Draft, op: SumPool2d | AvgPool2d, zero_point: int) -> str:
    """The sums of ``x - zero_point`` over each window as int64; borders add nothing."""
    tensor, pad = draft.graph.tensors[op.input], op.padding
    x = op.input
    if op.kernel == tensor.shape[:2] and not any(pads_of(pad)):
        axes = draft.indices([2, 3])
        return draft.node("ReduceSum", [centred(draft, x, zero_point), axes], keepdims=1)
    if fits_zero_point(tensor.dtype, zero_point):
        zero = draft.constant(np.array(zero_point, tensor.dtype.container))
        ones = draft.constant(np.ones((tensor.shape[2], 1, *op.kernel), np.uint8))
        window: dict[str, Any] = {
            "strides": list(op.stride),
            "pads": pads_of(pad),
            "group": tensor.shape[2],
        }
        return draft.cast(draft.node("ConvInteger", [x, ones, zero], **window), np.int64)
    x = bordered(draft, centred(draft, x, zero_point), pad, 2)
    shape = draft.graph.tensors[op.output].shape
    total = ""
    for r in range(op.kernel[0]):
        for c in range(op.kernel[1]):
            part = strided(draft, x, (r, c), op.stride, (shape[0], shape[1]), 2)
            total = part if not total else draft.node("Add", [total, part])
    return total


def blended(draft: Draft, op: ResizeBilinear) -> str:
    """The sums of ``op`` as int64: rows, then columns, each of two neighbours and their weights."""
    x = centred(draft, op.input, op.input_zero_point)
    for axis, places, weights, ndim in (
        (0, op.rows, op.row_weights, 2),
        (1, op.columns, op.column_weights, 1),
    ):
        last = draft.graph.tensors[op.input].shape[axis] - 1
        near = np.array(weights, np.int64).reshape(-1, *[1] * (ndim - 1))
        total = ""
        for index, share in ((places, op.steps[axis] - near), ([p + 1 for p in places], near)):
            taken = draft.indices([min(place, last) for place in index])
            part = draft.node("Gather", [x, taken], axis=axis + 2)
            part = draft.node("Mul", [part, draft.constant(share)])
            total = part if not total else draft.node("Add", [total, part])
        x = total
    return x


def window_sizes(op: AvgPool2d, height: int, width: int) -> Array:
    """How many positions of each window lie inside the map, int64 (rows, columns)."""
    pad = op.padding
    ones = np.pad(np.ones((height, width), np.int64),
                  ((pad.top, pad.bottom), (pad.left, pad.right)))  # fmt: skip
    spans = (extent(op.kernel[0], 1), extent(op.kernel[1], 1))
    windows = np.lib.stride_tricks.sliding_window_view(ones, spans)
    counted: Array = windows[:: op.stride[0], :: op.stride[1]].sum(axis=(2, 3))
    return counted
