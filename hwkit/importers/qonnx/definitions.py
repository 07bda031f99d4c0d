"""What ONNX's operators compute, in numpy on float64 arrays of a whole batch, in ONNX's layout.

``DEFINITIONS`` goes by the name of the operator: a function of the node and its inputs; inputs that
are left out are empty arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

import numpy as np

from hwkit.importers.qonnx.file import OPSET, Node
from hwkit.importers.qonnx.fold import CASTS
from hwkit.importers.qonnx.layers import read_padding, read_pair
from hwkit.importers.qonnx.plain import PLAIN
from hwkit.importers.qonnx.resize import nearest, neighbours, read_axes
from hwkit.importers.qonnx.transposed import transposed_pads
from hwkit.importers.qonnx.unary import FUNCTIONS
from hwkit.ir.types import Array


def _windows(
    x: Array, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> Array:
    """(N, C, H, W), padded already, to (N, C, rows, columns, kh, kw)."""
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(x, reach, axis=(2, 3))
    windows: Array = view[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]]
    return windows


def _as_map(x: Array) -> Array:
    return x[:, :, None, :] if x.ndim == 3 else x


def _conv(node: Node, x: Array, weight: Array, bias: Array | None = None) -> Array:
    flat = x.ndim == 3
    taps = _as_map(weight)
    kernel = (taps.shape[2], taps.shape[3])
    stride, dilation = read_pair(node, "strides"), read_pair(node, "dilations")
    pad = read_padding(node, x.shape[1:], kernel, stride, dilation)
    x = np.pad(_as_map(x), ((0, 0), (0, 0), (pad.top, pad.bottom), (pad.left, pad.right)))
    groups = node.attribute("group", 1)
    windows = _windows(x, kernel, stride, dilation)
    size = taps.shape[0] // groups
    parts = [
        np.tensordot(part, taps[g * size : (g + 1) * size], ((1, 4, 5), (1, 2, 3)))
        for g, part in enumerate(np.split(windows, groups, axis=1))
    ]
    y = np.concatenate(parts, axis=-1).transpose(0, 3, 1, 2)
    if bias is not None and bias.size:
        y = y + bias.reshape(1, -1, 1, 1)
    return y[:, :, 0, :] if flat else y


def _gemm(node: Node, a: Array, b: Array, c: Array | None = None) -> Array:
    a = a.T if node.attribute("transA", 0) else a
    b = b.T if node.attribute("transB", 0) else b
    y = node.attribute("alpha", 1.0) * (a @ b)
    if c is not None and c.size:
        y = y + node.attribute("beta", 1.0) * c
    return np.asarray(y)


def _batch_norm(
    node: Node, x: Array, gamma: Array, beta: Array, mean: Array, variance: Array
) -> Array:
    along = (1, -1, *(1 for _ in x.shape[2:]))
    gain, offset, middle, spread = (
        np.asarray(v, np.float64).reshape(along) for v in (gamma, beta, mean, variance)
    )
    y: Array = (x - middle) * (gain / np.sqrt(spread + node.attribute("epsilon", 1e-5))) + offset
    return y


def _layer_norm(node: Node, x: Array, gain: Array, bias: Array | None = None) -> Array:
    axis = node.attribute("axis", -1) % x.ndim
    axes = tuple(range(axis, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    y = centred / np.sqrt(variance + node.attribute("epsilon", 1e-5)) * gain
    return np.asarray(y + bias if bias is not None and bias.size else y)


def _instance_norm(node: Node, x: Array, gain: Array, bias: Array) -> Array:
    axes = tuple(range(2, x.ndim))
    centred = x - x.mean(axis=axes, keepdims=True)
    variance = (centred * centred).mean(axis=axes, keepdims=True)
    along = (1, -1, *(1 for _ in axes))
    normed = centred / np.sqrt(variance + node.attribute("epsilon", 1e-5))
    return np.asarray(normed * gain.reshape(along) + bias.reshape(along))


# --- pools ---------------------------------------------------------------------------------------


def _pool(node: Node, x: Array) -> Array:
    kind = x.dtype
    flat, x = x.ndim == 3, _as_map(x).astype(np.float64)
    kernel, stride = read_pair(node, "kernel_shape"), read_pair(node, "strides")
    dilation = read_pair(node, "dilations")
    shape = (x.shape[1], x.shape[3]) if flat else x.shape[1:]
    pad = read_padding(node, shape, kernel, stride, dilation)
    up = bool(node.attribute("ceil_mode", 0))
    axes = list(zip(x.shape[2:], kernel, stride, dilation, (pad.top, pad.left), strict=True))
    ends = (pad.bottom, pad.right)
    sizes = [_pooled(*axis, end, up=up) for axis, end in zip(axes, ends, strict=True)]
    widths = [(0, 0), (0, 0), (pad.top, pad.bottom), (pad.left, pad.right)]
    # A window that reaches past the padding is cut there, as ceil_mode has it.
    past = [(0, 0), (0, 0), *((0, (k - 1) * d + s) for _, k, s, d, _ in axes)]

    def windows(values: Array, padding: float, beyond: float) -> Array:
        padded = np.pad(values, widths, constant_values=padding)
        padded = np.pad(padded, past, constant_values=beyond)
        return _windows(padded, kernel, stride, dilation)[:, :, : sizes[0], : sizes[1]]

    if node.op_type == "MaxPool":
        y = windows(x, -np.inf, -np.inf).max(axis=(4, 5))
    else:
        counted = float(node.attribute("count_include_pad", 0))
        taps = windows(np.ones((1, 1, *x.shape[2:])), counted, 0).sum(axis=(4, 5))
        y = windows(x, 0, 0).sum(axis=(4, 5)) / taps
    return np.asarray(y[:, :, 0, :] if flat else y, kind)


def _pooled(
    size: int, kernel: int, stride: int, dilation: int, before: int, after: int, *, up: bool
) -> int:
    room = size + before + after - ((kernel - 1) * dilation + 1)
    if not up:
        return room // stride + 1
    count = ceil(room / stride) + 1
    return count - 1 if (count - 1) * stride >= size + before else count


def _reduce_mean(node: Node, x: Array, axes: Array | None = None) -> Array:
    along = node.attribute("axes", None) if axes is None else axes
    where = None if along is None else tuple(int(a) for a in np.asarray(along).flat)
    return np.asarray(x.mean(axis=where, keepdims=bool(node.attribute("keepdims", 1))))


def _conv_transpose(node: Node, x: Array, weight: Array, bias: Array | None = None) -> Array:
    """By its own definition: each input adds the kernel, times itself, around its place."""
    flat, groups = x.ndim == 3, node.attribute("group", 1)
    x, taps = _as_map(x), _as_map(weight)
    kernel = (taps.shape[2], taps.shape[3])
    stride, dilation = read_pair(node, "strides"), read_pair(node, "dilations")
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    full = [s * (n - 1) + r for s, n, r in zip(stride, x.shape[2:], reach, strict=True)]
    y = np.zeros((x.shape[0], taps.shape[1] * groups, *full))
    for g, (part, wanted) in enumerate(
        zip(np.split(x, groups, axis=1), np.split(taps, groups), strict=True)
    ):
        out = slice(g * taps.shape[1], (g + 1) * taps.shape[1])
        for i, j in np.ndindex(*kernel):
            rows, columns = (
                slice(at * d, at * d + s * (n - 1) + 1, s)
                for at, d, s, n in zip((i, j), dilation, stride, x.shape[2:], strict=True)
            )
            y[:, out, rows, columns] += np.einsum("nihw,io->nohw", part, wanted[:, :, i, j])
    (top, bottom), (left, right) = transposed_pads(node, x.shape[2:], reach, stride, flat)
    y = np.pad(y, ((0, 0), (0, 0), (0, max(-bottom, 0)), (0, max(-right, 0))))
    y = y[:, :, top : y.shape[2] - max(bottom, 0), left : y.shape[3] - max(right, 0)]
    if bias is not None and bias.size:
        y = y + bias.reshape(1, -1, 1, 1)
    return y[:, :, 0, :] if flat else y


def _softmax(node: Node, x: Array) -> Array:
    if node.attribute(OPSET, 17) < 13:  # Over all axes from ``axis`` on.
        axis = node.attribute("axis", 1) % x.ndim
        rows = x.reshape(int(np.prod(x.shape[:axis])), -1)
    else:
        rows = np.moveaxis(x, axis := node.attribute("axis", -1), -1)
    e = np.exp(rows - rows.max(axis=-1, keepdims=True))
    y = np.asarray(e / e.sum(axis=-1, keepdims=True))
    return y.reshape(x.shape) if node.attribute(OPSET, 17) < 13 else np.moveaxis(y, -1, axis)


def _resize(node: Node, x: Array, *given: Array) -> Array:
    opset = node.attribute(OPSET, 17)
    axes = read_axes(node, opset, x.shape, [v if v.size else None for v in given])
    for k, axis in enumerate(axes):
        if axis.size == axis.resized and axis.scale == 1:
            continue
        if node.attribute("mode", "nearest") == "nearest":
            x = np.take(x, nearest(node, opset, axis), axis=k)
            continue
        lower, upper, share = neighbours(node, opset, axis)
        share = share.reshape([-1 if a == k else 1 for a in range(x.ndim)])
        x = np.take(x, lower, axis=k) * (1 - share) + np.take(x, upper, axis=k) * share
    return x


def _split(node: Node, x: Array, sizes: Array | None = None) -> list[Array]:
    axis, parts = node.attribute("axis", 0), len(node.outputs)
    given = [int(n) for n in sizes.flat] if sizes is not None and sizes.size else []
    given = given or node.attribute("split", [])
    equal = -(-x.shape[axis] // parts)
    given = given or [equal] * (parts - 1)
    return list(np.split(x, np.cumsum(given)[: parts - 1], axis=axis))


def _prelu(node: Node, x: Array, slope: Array) -> Array:
    if slope.ndim == x.ndim - 1 and slope.ndim and slope.shape[0] == x.shape[1]:
        slope = slope[None]
    return np.where(x < 0, slope * x, x)


def _reduce(node: Node, x: Array, axes: Array | None = None) -> Array:
    along = node.attribute("axes", []) if axes is None or not axes.size else axes
    where = tuple(int(a) for a in np.asarray(along).flat) or None
    keep = bool(node.attribute("keepdims", 1))
    if node.op_type == "ReduceSum":
        return np.asarray(np.sum(x, axis=where, keepdims=keep))
    return np.asarray(np.max(x, axis=where, keepdims=keep))


def _top(node: Node, x: Array, k: Array | None = None) -> list[Array]:
    count = int(k.flat[0]) if k is not None and k.size else node.attribute("k", 1)
    axis = node.attribute("axis", -1)
    order = np.argsort(-x, axis=axis, kind="stable").take(np.arange(count), axis=axis)
    return [np.take_along_axis(x, order, axis), order]


def _to_space(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attribute("blocksize", 1)
    if node.attribute("mode", "DCR") == "CRD":
        y = x.reshape(n, c // (b * b), b, b, h, w).transpose(0, 1, 4, 2, 5, 3)
    else:
        y = x.reshape(n, b, b, c // (b * b), h, w).transpose(0, 3, 4, 1, 5, 2)
    return y.reshape(n, c // (b * b), h * b, w * b)


def _to_depth(node: Node, x: Array) -> Array:
    n, c, h, w = x.shape
    b = node.attribute("blocksize", 1)
    y = x.reshape(n, c, h // b, b, w // b, b).transpose(0, 3, 5, 1, 2, 4)
    return y.reshape(n, c * b * b, h // b, w // b)


# --- shapes --------------------------------------------------------------------------------------


def _axes(node: Node, given: tuple[Array, ...]) -> tuple[int, ...]:
    axes = given[0].flat if given else node.attribute("axes", [])
    return tuple(int(a) for a in axes)


def _reshape(node: Node, x: Array, shape: Array) -> Array:
    sizes = [int(n) for n in shape.flat]
    if not node.attribute("allowzero", 0):
        sizes = [x.shape[i] if n == 0 else n for i, n in enumerate(sizes)]
    return x.reshape(sizes)


def _flatten(node: Node, x: Array) -> Array:
    axis = node.attribute("axis", 1)
    return x.reshape(int(np.prod(x.shape[:axis])), -1)


def _pad(node: Node, x: Array, pads: Array | None = None, value: Array | None = None, *axes: Array,
         ) -> Array:  # fmt: skip
    given = np.asarray(node.attribute("pads", [0]) if pads is None else pads, np.int64).reshape(-1)
    filling = float(value.flat[0]) if value is not None and value.size else 0.0
    if axes and axes[0].size:
        every = np.zeros((2, x.ndim), np.int64)
        every[:, axes[0].astype(np.int64)] = given.reshape(2, -1)
        given = every.reshape(-1)
    widths = list(zip(given[: x.ndim].tolist(), given[x.ndim :].tolist(), strict=True))
    filling = filling or float(node.attribute("value", 0.0))
    less = tuple(
        slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, x.shape, strict=True)
    )
    more = [(max(a, 0), max(b, 0)) for a, b in widths]
    mode = node.attribute("mode", "constant")
    if mode != "constant":
        return np.pad(x[less], more, mode=mode)
    return np.pad(x[less], more, constant_values=filling)


def _slice(
    node: Node, x: Array, starts: Array | None = None, ends: Array | None = None, *rest: Array
) -> Array:
    if starts is None or ends is None:
        starts, ends = (np.array(node.attribute(key, [0])) for key in ("starts", "ends"))
        rest = (np.array(node.attribute("axes", list(range(starts.size)))),)
    axes = rest[0] if rest and rest[0].size else np.arange(starts.size)
    steps = rest[1] if len(rest) > 1 else np.ones(starts.size, np.int64)
    cut = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts.flat, ends.flat, axes.flat, steps.flat, strict=True):
        open_end = int(step) < 0 and int(end) < -(1 << 31)
        cut[int(axis)] = slice(int(start), None if open_end else int(end), int(step))
    return x[tuple(cut)]


def _cast(node: Node, x: Array) -> Array:
    kind = CASTS.get(node.attribute("to", 1), np.int64)
    whole = np.issubdtype(kind, np.integer) or kind is np.bool_
    return x.astype(kind if whole else np.float64)


def _divide(node: Node, a: Array, b: Array) -> Array:
    whole = a.dtype.kind in "iu" and b.dtype.kind in "iu"
    return np.trunc(a / b).astype(a.dtype) if whole else np.asarray(a / b)


def _clip(node: Node, x: Array, low: Array | None = None, high: Array | None = None) -> Array:
    least = node.attribute("min", -np.inf) if low is None or not low.size else float(low.flat[0])
    most = node.attribute("max", np.inf) if high is None or not high.size else float(high.flat[0])
    if x.dtype.kind == "i":
        least, most = (int(max(min(b, 1 << 31), -(1 << 31))) for b in (least, most))
    return np.minimum(np.maximum(x, least), most)


def _filled(node: Node, shape: Array) -> Array:
    value = node.attributes.get("value", np.zeros(1, np.float32))
    return np.full([int(n) for n in shape.flat], value.flat[0], value.dtype)


DEFINITIONS: dict[str, Callable[..., Array | list[Array]]] = {
    **FUNCTIONS,
    **PLAIN,
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": lambda node, a, b: a @ b,
    "BatchNormalization": _batch_norm,
    "Relu": lambda node, x: np.maximum(x, 0),
    "Clip": _clip,
    "MaxPool": _pool,
    "AveragePool": _pool,
    "ConvTranspose": _conv_transpose,
    "Resize": _resize,
    "Upsample": _resize,
    "Split": _split,
    "PRelu": _prelu,
    "ReduceSum": _reduce,
    "ReduceMax": _reduce,
    "TopK": _top,
    "GlobalMaxPool": lambda node, x: x.max(axis=tuple(range(2, x.ndim)), keepdims=True),
    "GlobalAveragePool": lambda node, x: x.mean(axis=tuple(range(2, x.ndim)), keepdims=True),
    "ReduceMean": _reduce_mean,
    "Add": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Mul": lambda node, a, b: a * b,
    "Div": _divide,
    "Softmax": _softmax,
    "LayerNormalization": _layer_norm,
    "InstanceNormalization": _instance_norm,
    "DepthToSpace": _to_space,
    "SpaceToDepth": _to_depth,
    "Pow": lambda node, a, b: a**b,
    "Identity": lambda node, x, *_: x,
    "Dropout": lambda node, x, *_: x,
    "Cast": _cast,
    "Pad": _pad,
    "Slice": _slice,
    "Concat": lambda node, *given: np.concatenate(given, axis=node.attribute("axis", 1)),
    "Flatten": _flatten,
    "Reshape": _reshape,
    "Squeeze": lambda node, x, *a: np.squeeze(x, _axes(node, a) or None),
    "Unsqueeze": lambda node, x, *a: np.expand_dims(x, _axes(node, a)),
    "Transpose": lambda node, x: x.transpose(node.attribute("perm", []) or None),
    "Shape": lambda node, x: np.array(x.shape, np.int64),
    "Gather": lambda node, x, i: np.take(x, i.astype(np.int64), axis=node.attribute("axis", 0)),
    "ConstantOfShape": _filled,
}
