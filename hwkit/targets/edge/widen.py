"""Stores every activation in 8 bits, as a .tflite does; the values stay as they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import rescale
from hwkit.ir.graph import Graph, State
from hwkit.ir.ops import Add, Constant, Lookup, Prelu, Rescale
from hwkit.ir.types import S8, S16, S32, U8, Array, IntType, TensorType

_SUM_BITS = 32
"""Width of an accumulator that leaves the graph."""


def widen_to_8_bits(graph: Graph, target: str) -> Graph:
    """The graph with u8 activations as they are, all narrower or signed ones as s8, and those of
    9 to 15 bits as s16. Exact.

    Tables of narrower inputs grow to 256 or 65536 entries, the new ones never read. Raises
    ``UnsupportedOp`` for an activation of u16 or of 17 to 31 bits and a graph input of more than
    16.

    Example: u4 values 0..15 with a table of 16 become s8 values 0..15 with a table of 256.
    """
    tensors, constants = dict(graph.tensors), dict(graph.constants)
    for name in (*graph.sources, *(op.output for op in graph.nodes)):
        dtype = tensors[name].dtype
        if dtype.bits <= 8:
            tensors[name] = replace(tensors[name], dtype=U8 if dtype == U8 else S8)
        elif dtype.bits + (not dtype.signed) <= S16.bits:
            tensors[name] = replace(tensors[name], dtype=S16)
        elif dtype.bits != _SUM_BITS or name in graph.inputs:
            remedy = f"it has integers of type {dtype}; quantize it to at most 8 bits, or to s16"
            raise UnsupportedOp(name, target, remedy)
    nodes = []
    for op in graph.nodes:
        if isinstance(op, Lookup):
            table, dtype = f"{op.name}/table", tensors[op.output].dtype
            grown = _grown(graph.constants[op.table], graph.tensors[op.input].dtype)
            constants[table] = grown.astype(dtype.container)
            tensors[table] = replace(tensors[op.table], dtype=dtype, shape=grown.shape)
            op = replace(op, table=table)
        elif isinstance(op, Constant):
            value = f"{op.name}/value"
            dtype = tensors[op.output].dtype
            constants[value] = graph.constants[op.value].astype(dtype.container)
            tensors[value] = replace(tensors[op.value], dtype=dtype)
            op = replace(op, value=value)
        elif isinstance(op, Prelu):
            op = _with_signed_slope(op, tensors, constants)
        elif isinstance(op, Add):
            op = _within_range(op, graph)
        nodes.append(op)
    states = tuple(_with_initial(state, tensors, constants) for state in graph.states)
    return replace(graph, states=states).with_nodes(tuple(nodes), tensors, constants)


def _with_initial(
    state: State, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> State:
    """``state`` with an initial value of its own, in the type that the state has now."""
    dtype, name = tensors[state.tensor].dtype, f"{state.tensor}/initial"
    constants[name] = constants[state.initial].astype(dtype.container)
    tensors[name] = replace(tensors[state.initial], dtype=dtype)
    return replace(state, initial=name)


def _within_range(op: Add, graph: Graph) -> Add:
    """``op`` with what its inputs become clamped to what can occur, where 8 bits of an input that
    has fewer would take the sum out of 32 bits."""
    if op.rescale is None:
        return op
    sides: list[Rescale | None] = []
    most = 0
    for name, zero_point, r in zip(op.inputs, op.input_zero_points, op.input_rescales, strict=True):
        if r is None:
            sides.append(r)
            most += U8.high - S8.low
            continue
        dtype = graph.tensors[name].dtype
        if dtype.bits > S8.bits:
            return op
        ends = np.array([[dtype.low], [dtype.high], [S8.low], [U8.high]], np.int64) - zero_point
        values = rescale(np.repeat(ends, r.channels, axis=1), r, op.name)
        low, high = int(values[:2].min()), int(values[:2].max())
        most += int(np.abs(values[2:].astype(np.int64)).max())
        sides.append(replace(r, low=max(r.low, low), high=min(r.high, high)))
    return op if most <= S32.high else replace(op, input_rescales=(sides[0], sides[1]))


def _with_signed_slope(
    op: Prelu, tensors: dict[str, TensorType], constants: dict[str, Array]
) -> Prelu:
    """``op`` with slopes of s8: those of u8, and their zero point, 128 lower."""
    old, name = tensors[op.slope], f"{op.name}/slope"
    by = 128 if old.dtype == U8 else 0
    constants[name] = (constants[op.slope].astype(np.int64) - by).astype(np.int8)
    tensors[name] = replace(old, dtype=S8)
    return replace(op, slope=name, slope_zero_point=op.slope_zero_point - by)


def _grown(table: Array, source: IntType) -> Array:
    """An entry for each value of s8, u8 when ``source`` is u8, or s16."""
    wide = S16 if source.bits > S8.bits else U8 if source == U8 else S8
    low = wide.low
    grown = np.zeros(1 << wide.bits, np.int64)
    grown[source.low - low : source.high - low + 1] = table
    return grown
