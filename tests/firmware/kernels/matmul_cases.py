"""Hypothesis strategies for graphs of one product of two activations."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import MatMul
from hwkit.ir.types import S16, S32, Shape
from tests.firmware.kernels.cases import Types, activations, rescales, sixteen, zero_points
from tests.firmware.kernels.cases16 import rescales as long_rescales

_INT32_MAX = (1 << 31) - 1


@st.composite
def _operands(draw: st.DrawFn, b: GraphBuilder, types: Types) -> tuple[MatMul, int, int]:
    """Adds the inputs of a product; the product, its columns and its largest sum."""
    rows, columns = draw(st.integers(1, 6)), draw(st.integers(1, 9))
    inner = draw(st.sampled_from([4, 1, 3, 8, 17, 33]))
    outer = draw(st.sampled_from([(2,), (3,), (), (1,), (2, 2)]))
    once = tuple(1 for _ in outer)
    leading = draw(st.sampled_from([(outer, outer), (outer, outer), (outer, once), (once, outer)]))
    transposed = (draw(st.booleans()), draw(st.booleans()))
    points, most = [], inner
    matrices: tuple[Shape, Shape] = (rows, inner), (inner, columns)
    for name, of, matrix, turned in zip("xz", leading, matrices, transposed, strict=True):
        dtype = draw(types())
        b.input(name, (*of, *(matrix[::-1] if turned else matrix)), dtype)
        points.append(draw(zero_points(dtype)))
        most *= max(dtype.high - points[-1], points[-1] - dtype.low)
    return MatMul("op", ("x", "z"), "y", transposed, (points[0], points[1])), columns, most


@st.composite
def matmul(draw: st.DrawFn) -> Graph:
    """Of up to 8 bits, with a rescale or one time in six without."""
    b = GraphBuilder("matmul")
    op, columns, most = draw(_operands(b, activations))
    if draw(st.integers(0, 5)) == 0:
        b.add(op, S32)
    else:
        dtype = draw(activations())
        b.add(replace(op, rescale=draw(rescales(columns, most, dtype))), dtype)
    return b.build(["y"])


@st.composite
def matmul_16(draw: st.DrawFn) -> Graph:
    """Of 9 to 16 bits, whose sums fit 32 bits or do not."""
    b = GraphBuilder("matmul")
    op, columns, most = draw(_operands(b, sixteen))
    if most <= _INT32_MAX:
        return _added(b, replace(op, rescale=draw(rescales(columns, most, S16))))
    r = draw(long_rescales(columns, most))
    return _added(b, replace(op, rescale=r, accumulator_bits=48))


def _added(b: GraphBuilder, op: MatMul) -> Graph:
    b.add(op, S16)
    return b.build(["y"])
