"""16-bit activations: each runtime's arithmetic for them, from the scales in the file.

Both runtimes compute them in the same reference kernels, with zero points of 0: convolutions and
TFLM's dense layers in 64-bit sums with a 15-bit multiplier, or in 32-bit sums where the bias has
32 bits; LiteRT's dense layers as if the real product were exact. Sums, products and changes of
scale round twice.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.tflite.unary16 import logistic_table, tanh_table
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MatMul,
    Mul,
    Op,
    Requantize,
    Rescale,
    Softmax,
    Sub,
    SumPool2d,
    activations,
)
from hwkit.ir.tflite import (
    ADD_LEFT_SHIFT_16,
    double_add,
    double_rescale,
    mean_rescale,
    nearest_rescale,
    wide_rescale,
)
from hwkit.ir.types import S16, S32, S48, Quantization
from hwkit.lower.offset_to_bias import largest_product_sums

_Weighted = Conv2d | DepthwiseConv2d | Dense


def is_sixteen(graph: Graph, op: Op) -> bool:
    """Whether ``op`` takes or gives 16-bit integers."""
    return S16 in [graph.tensors[name].dtype for name in (*activations(op), op.output)]


def in_runtime_16(graph: Graph, op: Op, single: bool, target: str) -> Op:
    """``op`` with the rescale that a runtime derives from the stated scales.

    ``single``: LiteRT, which multiplies some scales in float32. Raises ``UnsupportedOp`` for what
    has no 16-bit form in a .tflite.
    """
    _check(graph, op, target)
    try:
        return _derived(graph, op, single, target)
    except ValueError as error:
        remedy = f"its multiplier has no place there ({error}); use other scales"
        raise UnsupportedOp(op.name, target, remedy) from error


def _check(graph: Graph, op: Op, target: str) -> None:
    names = (*activations(op), op.output)
    dtypes = {graph.tensors[name].dtype for name in names}
    for name in names:
        facts = graph.tensors[name].quantization
        if graph.tensors[name].dtype == S16 and facts is not None and facts.zero_point:
            remedy = f"{name!r} has 16 bits and the zero point {facts.zero_point}; it must be 0"
            raise UnsupportedOp(op.name, target, remedy)
    if S32 in dtypes:
        remedy = "it gives or reads whole sums of 16-bit integers; requantize them to 16 bits"
        raise UnsupportedOp(op.name, target, remedy)
    rescaling = _Weighted | Add | Sub | Mul | MatMul | SumPool2d
    if isinstance(op, rescaling) and (len(dtypes) > 1 or op.rescale is None):
        remedy = "it takes or gives both 8 and 16 bits; requantize before or behind it"
        raise UnsupportedOp(op.name, target, remedy)


def _derived(graph: Graph, op: Op, single: bool, target: str) -> Op:
    match op:
        case Softmax():
            return replace(op, input_scale=_scale(graph, op.input))
        case Conv2d() | DepthwiseConv2d() | Dense() if op.rescale is not None:
            return _weighted(graph, op, op.rescale, single, target)
        case Add() | Sub() if op.rescale is not None:
            r = op.rescale
            scales = [_scale(graph, name) for name in (*op.inputs, op.output)]
            shift = ADD_LEFT_SHIFT_16
            inputs, total = double_add(
                scales[0], scales[1], scales[2], r.zero_point, r.low, r.high, shift
            )
            return replace(op, input_rescales=inputs, rescale=total, accumulator_bits=32)
        case Mul() if op.rescale is not None:
            first, second, output = (_scale(graph, name) for name in (*op.inputs, op.output))
            return replace(op, rescale=_double(op.rescale, first, second, output, single))
        case MatMul() if op.rescale is not None:
            first, second, output = (_scale(graph, name) for name in (*op.inputs, op.output))
            r = op.rescale
            wide = wide_rescale([first * second / output], r.low, r.high)
            return replace(op, rescale=wide, accumulator_bits=S48.bits)
        case Requantize():
            source, output = _scale(graph, op.input), _scale(graph, op.output)
            r = op.rescale
            relu = (r.low, r.high) != (graph.tensors[op.output].dtype.low, r.high)
            return replace(op, rescale=_double(r, source, 1.0, output, single and relu))
        case SumPool2d() if op.rescale is not None:
            r, count = op.rescale, op.kernel[0] * op.kernel[1]
            factor = _scale(graph, op.input) / _scale(graph, op.output)
            return replace(op, rescale=mean_rescale(factor, count, r.zero_point, r.low, r.high))
        case _:
            return op


def _double(r: Rescale, first: float, second: float, output: float, single: bool) -> Rescale:
    factor = first * second / output
    if single:
        factor = float(np.float32(first) * np.float32(second) / np.float32(output))
    return double_rescale([factor], r.zero_point, r.low, r.high)


def _weighted(graph: Graph, op: _Weighted, r: Rescale, single: bool, target: str) -> _Weighted:
    source, output = _scale(graph, op.input), _scale(graph, op.output)
    facts = graph.tensors[op.weight].quantization
    assert facts is not None
    ratios = [source * weight / output for weight in facts.scale]
    products = largest_product_sums(op, dict(graph.tensors), dict(graph.constants))
    bias = 0 if op.bias is None else np.abs(graph.constants[op.bias].astype(np.int64))
    largest = int((products + bias).max())
    if single and isinstance(op, Dense):
        if largest > S32.high:
            raise UnsupportedOp(op.name, target, f"its sums reach {largest}, beyond 32 bits")
        nearest = nearest_rescale(ratios, largest, r.zero_point, r.low, r.high)
        return replace(op, rescale=nearest, accumulator_bits=S32.bits)
    if has_narrow_bias(graph, op):
        return replace(op, rescale=double_rescale(ratios, r.zero_point, r.low, r.high))
    wide = wide_rescale(ratios, r.low, r.high)
    if largest * max(ratios) >= S32.high:
        remedy = "its scaled sums leave 32 bits, where runtimes wrap; use a coarser output scale"
        raise UnsupportedOp(op.name, target, remedy)
    return replace(op, rescale=wide, accumulator_bits=S48.bits)


def function_of(graph: Graph, op: Lookup) -> str | None:
    """The operator that has this very table for 16-bit integers of the stated scales, if any:
    ``LOGISTIC`` or ``TANH``. Runtimes read no other long tables."""
    source, output = (graph.tensors[name].quantization for name in (op.input, op.output))
    names = (op.input, op.output)
    if source is None or {graph.tensors[name].dtype for name in names} != {S16}:
        return None
    if output != Quantization((1 / 32768,), 0) or source.zero_point:
        return None
    for code, table in (("LOGISTIC", logistic_table), ("TANH", tanh_table)):
        try:
            if np.array_equal(table(source), graph.constants[op.table]):
                return code
        except ValueError:  # This scale has no table.
            return None
    return None


def has_narrow_bias(graph: Graph, op: _Weighted) -> bool:
    """Whether the file has a 32-bit bias for ``op``, and so 32-bit sums."""
    return op.bias is not None and graph.tensors[op.bias].dtype == S32


def _scale(graph: Graph, name: str) -> float:
    facts = graph.tensors[name].quantization
    assert facts is not None
    return facts.scale[0]
