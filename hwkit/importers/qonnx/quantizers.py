"""Quantizers of QONNX, and constants that ``DequantizeLinear`` reads: weights and biases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import facing
from hwkit.importers.qonnx.axes import along_channels
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import quantize, settled
from hwkit.importers.qonnx.linear import AXIS, PARAMETER, along, narrowed, type_of
from hwkit.importers.qonnx.rescale import (
    Quantizer,
    is_bipolar,
    quantize_weights,
    quantizer,
    read_quantizer,
)
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Fresh, Integers, Real, Weight
from hwkit.ir.ops import Lookup
from hwkit.ir.types import S32, Array, IntType, Quantization


def quant(ctx: Context, node: Node) -> None:
    """``Quant`` of an activation or of a constant."""
    value = ctx.value(node, 0)
    constants = {n: v for n in node.inputs[1:] if isinstance(v := ctx.values.get(n), np.ndarray)}
    if isinstance(value, Weight):
        raise UnsupportedOp(node.name, IMPORTER, "a weight quantized twice; quantize it once")
    if is_bipolar(node, constants):
        _bipolar(ctx, node, constants[node.inputs[1]])
        return
    if isinstance(value, Real | Fresh):
        q = read_quantizer(node, constants, 16, value.shape)
        if isinstance(value, Real):
            value = facing(ctx, node, value, q.scale)
        ctx.put(node, quantize(ctx, node, value, q, ""))
        return
    _require_values(node, value)
    zero_points = constants.get(node.inputs[2])
    if zero_points is not None and zero_points.size and np.ptp(zero_points):
        constants = {**constants, node.inputs[2]: np.zeros(1)}
    else:
        zero_points = None
    q = read_quantizer(node, constants, 32)
    integers = quantize_weights(node, value, q, zero_points)
    ctx.put(node, Weight(integers, q.scale, _held(q.dtype, integers), _parameter(node)))


def _held(dtype: IntType, integers: Array) -> IntType:
    """The type of weights whose zero point is taken off: ``dtype``, or one as wide or wider that
    holds them.

    Example: u8 with zero point 128 is s8, with zero point 129 it is s9.
    """
    low, high = int(integers.min()), int(integers.max())
    while not (dtype.low <= low and high <= dtype.high):
        dtype = IntType(dtype.bits + dtype.signed, True)
    return dtype


def dequantize(ctx: Context, node: Node) -> None:
    """``DequantizeLinear`` of a constant: a weight or a bias."""
    value = ctx.value(node, 0)
    if not isinstance(value, np.ndarray) or (dtype := type_of(value)) is None:
        raise UnsupportedOp(
            node.name, IMPORTER, "its data is no constant of int4, int8, int16 or int32"
        )
    _require_values(node, value)
    given = [ctx.value(node, i) for i in (1, 2) if ctx.has(node, i)]
    scale, *zero_points = (v for v in given if isinstance(v, np.ndarray))
    zero_point = zero_points[0].astype(np.int64) if zero_points else np.zeros((), np.int64)
    dtype = narrowed(dtype, node.attributes)[0]
    axis = node.attribute(AXIS, 1)
    scale, zero_point = (along(node, v, axis, value.ndim) for v in (scale, zero_point))
    checked = quantizer(node, scale, 0, dtype, False)
    try:
        integers = value.astype(np.int64) - zero_point
        if np.broadcast_shapes(integers.shape, checked.scale.shape) != value.shape:
            raise ValueError
    except ValueError as error:
        raise GraphError(
            node.name, f"scale of shape {scale.shape} does not fit weight {value.shape}"
        ) from error
    held = _held(dtype, integers) if zero_point.any() else dtype
    ctx.put(node, Weight(integers, checked.scale, held, _parameter(node)))


def bipolar_quant(ctx: Context, node: Node) -> None:
    """``BipolarQuant``: -1 below 0, else 1."""
    _bipolar(ctx, node, ctx.value(node, 1))


def _bipolar(ctx: Context, node: Node, scale: object) -> None:
    """Binary weights, or activations: a comparison with 0, then -1 and 1 for its two results."""
    value = ctx.value(node, 0)
    if isinstance(value, Weight) or not isinstance(scale, np.ndarray):
        raise UnsupportedOp(node.name, IMPORTER, "a computed binary scale; export it as a constant")
    if isinstance(value, np.ndarray):
        _require_values(node, value)
        q = quantizer(node, scale, 0, IntType(2, True), True)
        signs = np.where(value >= 0, 1, -1).astype(np.int64)
        ctx.put(node, Weight(signs, q.scale, q.dtype, _parameter(node)))
        return
    if (scale <= 0).any():
        raise GraphError(node.name, "its scale is not above 0; calibrate or train it")
    bipolar = IntType(2, True)
    if isinstance(value, Fresh):
        # The graph reads -1 and 1; of the other two integers of their type it takes the signs.
        steps, zero_point, dtype = _one_step(node, scale), 0, bipolar
    else:
        steps = along_channels(node, "scale", scale.astype(np.float64), value)
        zero_point, dtype = 1, IntType(1, False)
    q = Quantizer(steps[:1], zero_point, dtype, dtype.low, dtype.high, "FLOOR")
    compared = quantize(ctx, node, value, q, "")
    name = ctx.name(node, f"{compared.integers.tensor}.signs")
    below = np.arange(dtype.low, dtype.high + 1) < zero_point
    ctx.builder.constant(f"{name}.table", np.where(below, -1, 1), bipolar)
    facts = Quantization(tuple(float(s) for s in steps))
    op = Lookup(name, compared.integers.tensor, f"{name}.table", name)
    ctx.builder.add(op, bipolar, facts)
    source = Integers(name, bipolar, -1, 1)
    ctx.put(node, Real(source, value.shape, steps, order=compared.order, axes=compared.axes))


def _one_step(node: Node, scale: Array) -> Array:
    """The scale of a binary input, which has one."""
    if scale.size != 1 and np.ptp(scale):
        raise UnsupportedOp(node.name, IMPORTER, "a per-channel input scale; use one scale")
    return scale.astype(np.float64).reshape(-1)[:1]


def _require_values(node: Node, value: Array) -> None:
    if value.size == 0:
        raise GraphError(node.name, f"its weight has shape {value.shape}, no values; export again")


def trunc(ctx: Context, node: Node) -> None:
    """``Trunc`` of QONNX version 2: integers divided by a power of two and rounded."""
    constants = [ctx.numbers(node, i) for i in range(1, 6)] if len(node.inputs) == 6 else [None]
    if any(c is None or c.size != 1 for c in constants):
        raise UnsupportedOp(
            node.name, IMPORTER, "Trunc needs six inputs, one scale each; export with brevitas 0.13"
        )
    scale, zero_point, _, output_scale, bits = (
        float(c.flat[0]) for c in constants if c is not None
    )
    real = settled(ctx, node, 0)
    if real.offset.any():
        # Trunc first rounds to the input's integers.
        sums = Quantizer(real.scale, 0, S32, S32.low, S32.high, "ROUND")
        real = quantize(ctx, node, real, sums, f"{real.integers.tensor}.rounded")
    if zero_point or not np.allclose(real.scale, scale, rtol=1e-5, atol=0):
        raise UnsupportedOp(node.name, IMPORTER, "Trunc of another scale than its input's")
    if not 1 <= bits <= 16 or output_scale <= 0 or scale <= 0:
        raise GraphError(node.name, f"Trunc to {bits} bits and scale {output_scale}; export again")
    dtype = IntType(int(bits), bool(node.attribute("signed", 1)))
    step = 2.0 ** round(np.log2(output_scale / scale))
    q = quantizer(node, np.array([output_scale]), 0, dtype, bool(node.attribute("narrow", 0)))
    # The input's scale restated so that the ratio is the shift exactly, as Trunc defines it.
    real = replace(real, scale=np.array([output_scale / step]))
    ctx.put(node, quantize(ctx, node, real, q, ""))


def _parameter(node: Node) -> str:
    """``conv1`` for the initializer ``conv1.weight``."""
    name = node.attribute(PARAMETER, node.inputs[0]).removesuffix("_quantized")
    return name.rpartition(".")[0] if name.endswith((".weight", ".bias")) else ""
