"""Products of two activations as calls of kernels."""

from __future__ import annotations

from math import prod

from hwkit.ir.graph import Graph
from hwkit.ir.ops import MatMul
from hwkit.ir.shapes import matrices
from hwkit.ir.types import S32, Shape
from hwkit.targets.mcu.bounds import largest_sum
from hwkit.targets.mcu.call import Call, Fields, named, output_bytes
from hwkit.targets.mcu.rescales import rescale
from hwkit.targets.mcu.structs import Struct


def matmul(graph: Graph, op: MatMul) -> Call:
    """A product of two activations; of 16-bit integers the one for long sums where 32 bits may not
    hold them."""
    first, second = (graph.tensors[name].shape for name in op.inputs)
    batches, rows, inner, columns = matrices(op, first, second)
    most = largest_sum(graph, op)
    fields: Fields = {
        "batches": batches,
        "rows": rows,
        "inner": inner,
        "columns": columns,
        "a_strides": _strides(first, op.transposed[0], batches),
        "b_strides": _strides(second, not op.transposed[1], batches),
        "zero_points": op.input_zero_points,
        "rescale": rescale(op.rescale, most, "", output_bytes(graph, op)),
    }
    kernel = named("matmul", graph, op) + "_long" * (most > -S32.low)
    return Call(kernel, Struct(fields), op.inputs)


def _strides(shape: Shape, transposed: bool, batches: int) -> tuple[int, ...]:
    """Distances from matrix to matrix, and along its last two axes, exchanged if ``transposed``.

    Example: keys (4, 49, 16), whose columns lie in rows: 784, 16, 1.
    """
    across, along = (1, shape[-1]) if transposed else (shape[-1], 1)
    repeated = prod(shape[:-2]) < batches
    return 0 if repeated else shape[-2] * shape[-1], across, along
