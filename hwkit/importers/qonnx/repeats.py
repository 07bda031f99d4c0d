"""Maps repeated, and depth that becomes space: ``Expand``, ``Tile``, ``DepthToSpace`` and back."""

from __future__ import annotations

from dataclasses import replace

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import as_map, facts
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.cuts import placed, whole_order
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import refine, settled
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Real
from hwkit.ir.ops import Reshape, Transpose
from hwkit.ir.types import Shape


def expand(ctx: Context, node: Node) -> None:
    """``Expand`` to a constant shape: sizes of 1 are repeated."""
    real, numbers = whole_order(ctx, node, 0), ctx.numbers(node, 1)
    if numbers is None:
        raise UnsupportedOp(node.name, IMPORTER, "its shape is computed; export it as a constant")
    wanted = [int(n) for n in numbers.flat]
    rank = len(real.shape) + 1
    if len(wanted) > rank:
        raise UnsupportedOp(node.name, IMPORTER, f"{rank} axes to {len(wanted)}; unsqueeze before")
    sizes = [1] * (rank - len(wanted)) + wanted
    for axis, (size, new) in enumerate(zip(real.shape, sizes[1:], strict=True)):
        if new in (1, -1, size):
            continue
        if size != 1:
            raise GraphError(node.name, f"{size} repeated to {new}; export again")
        real = placed(ctx, node, real, axis, [0] * new)
    ctx.put(node, real)


def tile(ctx: Context, node: Node) -> None:
    """``Tile`` with constant repeats."""
    real, numbers = whole_order(ctx, node, 0), ctx.numbers(node, 1)
    repeats = [] if numbers is None else [int(n) for n in numbers.flat]
    if len(repeats) != len(real.shape) + 1 or min(repeats) < 1 or repeats[0] != 1:
        raise UnsupportedOp(node.name, IMPORTER, f"repeats {repeats}; keep the batch, give numbers")
    for axis, times in enumerate(repeats[1:]):
        if times > 1:
            real = placed(ctx, node, real, axis, list(range(real.shape[axis])) * times)
    ctx.put(node, real)


def depth_to_space(ctx: Context, node: Node) -> None:
    """``DepthToSpace`` in both modes, on channels that come last: (H, W, b, b C) transposed."""
    real, size = _map(ctx, node)
    channels, rows, columns = real.shape
    each, rest = divmod(channels, size * size)
    if rest or size < 1:
        raise GraphError(node.name, f"{channels} channels in blocks of {size}; export again")
    places, name = rows * columns, ctx.name(node)
    tensor = real.integers.tensor
    if node.attribute("mode", "DCR") == "CRD":
        tensor = _moved(ctx, real, tensor, f"{name}.depth", (places, each, size * size), (0, 2, 1))
    shape = (rows, columns, size, size * each)
    tensor = _moved(ctx, real, tensor, f"{name}.space", shape, (0, 2, 1, 3))
    target = (each, rows * size, columns * size)
    ctx.put(node, _as(ctx, real, tensor, name, target))


def space_to_depth(ctx: Context, node: Node) -> None:
    """``SpaceToDepth``: (H, b, W, b C) transposed."""
    real, size = _map(ctx, node)
    channels, rows, columns = real.shape
    if size < 1 or rows % size or columns % size:
        raise GraphError(node.name, f"{rows} x {columns} in blocks of {size}; export again")
    shape = (rows // size, size, columns // size, size * channels)
    name = ctx.name(node)
    tensor = _moved(ctx, real, real.integers.tensor, f"{name}.depth", shape, (0, 2, 1, 3))
    target = (channels * size * size, rows // size, columns // size)
    ctx.put(node, _as(ctx, real, tensor, name, target))


def _map(ctx: Context, node: Node) -> tuple[Real, int]:
    real = as_map(ctx, node, settled(ctx, node, 0))
    if len(real.shape) != 3:
        raise UnsupportedOp(node.name, IMPORTER, f"input of shape {real.shape}; give it a map")
    if max(real.scale.size, real.offset.size) > 1:
        real = refine(ctx, node, real)
    return real, node.attribute("blocksize", 1)


def _moved(
    ctx: Context, real: Real, tensor: str, name: str, shape: Shape, order: tuple[int, ...]
) -> str:
    dtype, apart = real.integers.dtype, f"{name}.apart"
    ctx.builder.add(Reshape(apart, tensor, apart), dtype, facts(real), shape)
    return ctx.builder.add(Transpose(name, apart, name, order), dtype, facts(real))


def _as(ctx: Context, real: Real, tensor: str, name: str, shape: Shape) -> Real:
    channels, rows, columns = shape
    op = Reshape(name, tensor, name)
    ctx.builder.add(op, real.integers.dtype, facts(real), (rows, columns, channels))
    return replace(real, source=replace(real.integers, tensor=name), shape=shape, axes=())
