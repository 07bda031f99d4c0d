"""``Resize`` and ``Upsample``: nearest neighbours, and linear interpolation as sums of neighbours.

Which places an output reads is computed in float32, as ONNX Runtime does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor, lcm

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import as_map
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import MAX_INPUT_ELEMENTS, Node
from hwkit.importers.qonnx.integers import settled, with_room
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, Real
from hwkit.ir.ops import Add, Constant, Mul, ResizeNearest
from hwkit.ir.types import S32, Array, IntType, Quantization

_FINEST = 1 << 14
"""Largest denominator of both axes' weights together."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: its size before and after, and the scale that relates them."""

    size: int
    resized: int
    scale: float


def read_axes(
    node: Node, opset: int, shape: Sequence[int], given: Sequence[Array | None]
) -> list[Axis]:
    """The axes of a whole batch of ``shape``; ``given`` are the node's inputs behind the data, None
    where one is left out or computed. ``GraphError`` where sizes make no sense."""
    rank = len(shape)
    old = node.op_type == "Upsample" or opset < 11
    scales = (given[0] if given else None) if old else (given[1] if len(given) > 1 else None)
    sizes = None if old or len(given) < 3 else given[2]
    if node.op_type == "Upsample" and not given:
        scales = np.array(node.attribute("scales", []))
    along = [a % rank for a in node.attribute("axes", []) or range(rank)]
    axes = [Axis(n, n, 1.0) for n in shape]
    values = sizes if sizes is not None and sizes.size else scales
    if values is None or values.size != len(along):
        raise UnsupportedOp(node.name, IMPORTER, "computed sizes; export them as constants")
    for axis, value in zip(along, values.flat, strict=True):
        size = shape[axis]
        if sizes is not None and sizes.size:
            axes[axis] = Axis(size, int(value), int(value) / size)
        else:
            scale = float(np.float32(value))
            axes[axis] = Axis(size, floor(size * Fraction(scale).limit_denominator(1 << 16)), scale)
    if min(a.resized for a in axes) < 1 or np.prod([a.resized for a in axes]) > MAX_INPUT_ELEMENTS:
        raise GraphError(node.name, f"resizes to {[a.resized for a in axes]}; export again")
    return axes


def places(node: Node, opset: int, axis: Axis) -> Array:
    """Where in the input each output of ``axis`` lies, float32."""
    x = np.arange(axis.resized, dtype=np.float32)
    scale, half = np.float32(axis.scale), np.float32(0.5)
    old = node.op_type == "Upsample" or opset < 11
    mode = "asymmetric" if old else node.attribute("coordinate_transformation_mode", "half_pixel")
    match mode:
        case "asymmetric":
            return np.asarray(x / scale)
        case "half_pixel":
            return np.asarray((x + half) / scale - half)
        case "pytorch_half_pixel":
            return np.asarray((x + half) / scale - half) if axis.resized > 1 else x * 0
        case "tf_half_pixel_for_nn":
            return np.asarray((x + half) / scale)
        case "align_corners":
            last = np.float32(axis.resized - 1)
            return np.asarray(x * np.float32(axis.size - 1) / last) if axis.resized > 1 else x * 0
        case "half_pixel_symmetric":
            adjusted = axis.resized / (axis.scale * axis.size)
            centre = axis.size / 2 * (1 - adjusted)
            return np.asarray(np.float32(centre) + (x + half) / scale - half)
        case _:
            raise UnsupportedOp(node.name, IMPORTER, f"coordinates {mode!r:.40}; use half_pixel")


def nearest(node: Node, opset: int, axis: Axis) -> Array:
    """The neighbour of each output, int64."""
    x = places(node, opset, axis)
    old = node.op_type == "Upsample" or opset < 11
    mode = "floor" if old else node.attribute("nearest_mode", "round_prefer_floor")
    half = x - np.floor(x) == 0.5
    match mode:
        case "floor":
            found = np.floor(x)
        case "ceil":
            found = np.ceil(x)
        case "round_prefer_ceil":
            found = np.floor(x + np.float32(0.5))
        case "round_prefer_floor":
            found = np.where(half, np.floor(x), np.floor(x + np.float32(0.5)))
        case _:
            raise UnsupportedOp(node.name, IMPORTER, f"nearest_mode {mode!r:.40}; use floor")
    return np.clip(found, 0, axis.size - 1).astype(np.int64)


def neighbours(node: Node, opset: int, axis: Axis) -> tuple[Array, Array, Array]:
    """For linear interpolation the lower and upper neighbour of each output, int64, and the upper
    one's weight, float64."""
    x = np.clip(places(node, opset, axis).astype(np.float64), 0, axis.size - 1)
    lower = np.floor(x).astype(np.int64)
    upper = np.minimum(lower + 1, axis.size - 1)
    return lower, upper, x - lower


def resize(ctx: Context, node: Node) -> None:
    """``Resize`` and ``Upsample`` of rows and columns."""
    real = as_map(ctx, node, settled(ctx, node, 0))
    given = [
        (ctx.numbers(node, i) if ctx.has(node, i) else None) for i in range(1, len(node.inputs))
    ]
    axes = read_axes(node, ctx.opset, (1, *real.shape), given)
    if any(a.resized != a.size for a in axes[:2]):
        raise UnsupportedOp(node.name, IMPORTER, "resized channels; resize rows and columns")
    if node.attribute("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise UnsupportedOp(node.name, IMPORTER, "keep_aspect_ratio_policy; give both sizes")
    spatial = [Axis(1, 1, 1.0)] * (4 - len(axes)) + axes[2:]
    mode = node.attribute("mode", "nearest")
    if mode == "nearest":
        picked = [_indices(nearest(node, ctx.opset, a)) for a in spatial]
        ctx.put(node, _taken(ctx, node, real, picked, ""))
    elif mode in ("linear", "bilinear") and not node.attribute("antialias", 0):
        ctx.put(node, _interpolated(ctx, node, real, spatial))
    else:
        raise UnsupportedOp(node.name, IMPORTER, f"mode {mode!r:.40}; use nearest or linear")


def _indices(places: Array) -> tuple[int, ...]:
    return tuple(int(i) for i in places)


def _taken(
    ctx: Context, node: Node, real: Real, picked: Sequence[tuple[int, ...]], wanted: str
) -> Real:
    source, name = real.integers, ctx.name(node, wanted)
    rows, columns = picked
    op = ResizeNearest(name, source.tensor, name, rows, columns)
    ctx.builder.add(op, source.dtype, ctx.builder.tensors[source.tensor].quantization)
    sizes = (len(rows), len(columns)) if len(real.shape) == 3 else (len(columns),)
    return replace(real, source=replace(source, tensor=name), shape=(real.shape[0], *sizes))


def _interpolated(ctx: Context, node: Node, real: Real, spatial: list[Axis]) -> Real:
    """The sum of two neighbours along each axis, times whole weights: exact."""
    corners = [_weights(node, ctx.opset, axis) for axis in spatial]
    common = corners[0].common * corners[1].common
    if common > _FINEST:
        raise UnsupportedOp(
            node.name, IMPORTER, f"weights of {common}ths; resize by a whole factor"
        )
    real = with_room(ctx, node, real, common)
    name = ctx.name(node)
    parts: list[Real] = []
    for i, (rows, down) in enumerate(corners[0].parts):
        for j, (columns, across) in enumerate(corners[1].parts):
            weights = np.multiply.outer(down, across)
            if weights.any():
                corner = _taken(ctx, node, real, (rows, columns), f"{name}.corner{i}{j}")
                parts.append(_times(ctx, corner, weights))
    source = parts[0].integers
    reach = common * max(abs(real.integers.low - real.integers.zero_point),
                         abs(real.integers.high - real.integers.zero_point))  # fmt: skip
    for k, part in enumerate(parts[1:]):
        added = f"{name}.sum{k}"
        op = Add(added, (source.tensor, part.integers.tensor), added)
        facts = ctx.builder.tensors[source.tensor].quantization
        ctx.builder.add(op, S32, facts)
        source = Integers(added, S32, -reach, reach)
    return replace(parts[0], source=source, scale=real.scale / common)


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """``parts`` are the places and whole weights of both neighbours, ``common`` their sum."""

    common: int
    parts: tuple[tuple[tuple[int, ...], Array], tuple[tuple[int, ...], Array]]


def _weights(node: Node, opset: int, axis: Axis) -> _Weights:
    lower, upper, share = neighbours(node, opset, axis)
    exact = [Fraction(float(s)).limit_denominator(4096) for s in share]
    near = all(abs(float(e) - s) < 1e-5 for e, s in zip(exact, share, strict=True))
    common = lcm(*(e.denominator for e in exact)) if near else _FINEST + 1
    second = np.array([int(e * common) for e in exact], np.int64)
    return _Weights(common, ((_indices(lower), common - second), (_indices(upper), second)))


def _times(ctx: Context, real: Real, weights: Array) -> Real:
    """A corner times its whole weights (rows, columns)."""
    source = real.integers
    name, dtype = f"{source.tensor}.weighted", IntType(16, True)
    ctx.builder.constant(f"{name}.weights.table", weights[:, :, None], dtype)
    ctx.builder.add(Constant(f"{name}.weights", f"{name}.weights.table", f"{name}.weights"), dtype)
    op = Mul(name, (source.tensor, f"{name}.weights"), name, (source.zero_point, 0))
    facts = Quantization(tuple(float(s) for s in real.scale))
    ctx.builder.add(op, S32, facts)
    return replace(real, source=Integers(name, S32, S32.low, S32.high))
