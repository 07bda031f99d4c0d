"""Each runtime's own arithmetic, computed from the scales in the file as the runtime does.

TFLM (kernels of the reference library): the real multiplier in double, then a 31-bit multiplier
and double rounding. LiteRT with XNNPACK on x86-64: one float32 product rounded half to even for
convolutions, dense layers and products; for an add or a difference 21-bit multipliers and one
rounding half up. What XNNPACK has no kernel for, LiteRT computes as TFLM does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import frexp
from typing import assert_never

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import float32_multiplier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    DepthwiseConv2d,
    LayerNorm,
    MatMul,
    Mul,
    Op,
    Prelu,
    Requantize,
    Rescale,
    ResizeBilinear,
    Rounding,
    Softmax,
    SoftmaxKind,
    Sub,
    SumPool2d,
)
from hwkit.ir.tflite import double_add, double_rescale
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S32
from hwkit.targets.edge import bilinear
from hwkit.targets.edge.layer_norm import float_layer_norm
from hwkit.targets.edge.native import derived_rescale
from hwkit.targets.edge.runtime import Arithmetic, Products, Sixteen
from hwkit.targets.edge.scales import is_wide, ratio, tied_ratios
from hwkit.targets.edge.sixteen import in_runtime_16, is_sixteen

_XNN_ADD_BITS = 20
"""XNNPACK's larger add multiplier lies in 2**20..2**21."""
_XNN_ADD_RATIOS = (2.0**-10, 2.0**8)
"""Ratios of input to output scale that XNNPACK's add takes; LiteRT adds others elsewhere."""
_XNN_MUL_RATIOS = (2.0**-16, 2.0**8)
"""The same of a product's."""
_HIGH_BITS = 31
"""A 31-bit multiplier's product loses so many bits in the first rounding."""
_XNN_LARGEST = 256.0
"""XNNPACK refuses a convolution whose multiplier is this large, or more."""

_Form = Callable[[Rescale, float, tuple[float, ...], float], Rescale]
"""What a runtime makes of a rescale and the scales of input, weight and output."""


def check_ratios(graph: Graph, runtime: Arithmetic, target: str) -> None:
    """Raises ``UnsupportedOp`` for sums and products whose scales the runtime does not take."""
    for op in graph.nodes:
        if is_sixteen(graph, op):
            continue
        if isinstance(op, Add | Sub) and op.rescale is not None:
            limits = (
                _XNN_ADD_RATIOS if runtime.products is Products.XNNPACK else (2.0**-30, 2.0**18)
            )
            _check_ratios(op, tied_ratios(op) or (), limits, target)
        elif isinstance(op, Mul) and op.rescale is not None:
            limits = (
                _XNN_MUL_RATIOS if runtime.products is Products.XNNPACK else (2.0**-30, 2.0**30)
            )
            _check_ratios(op, (ratio(op.rescale),), limits, target)


def _check_ratios(
    op: Op, ratios: tuple[float, ...], limits: tuple[float, float], target: str
) -> None:
    low, high = limits
    # A hair inside, as the runtime computes the ratio from rounded scales.
    if not all(low * 1.001 <= factor < high * 0.999 for factor in ratios):
        found = " and ".join(f"{factor:.3g}" for factor in ratios)
        raise UnsupportedOp(
            op.name,
            target,
            f"input scales are {found} of the output's; "
            f"bring all into {low:.3g}..{high:.3g} by other activation scales",
        )


def in_runtime(graph: Graph, runtime: Arithmetic, target: str) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the rescales that ``runtime`` derives from the stated scales, and the names
    of the nodes whose arithmetic is now another.

    Raises ``UnsupportedOp`` for a multiplier that the
    runtime cannot hold. Example: scales 0.5, 0.5 and 1 give TFLM's 2**30 / 2**32, double.
    """
    nodes: list[Op] = []
    changed: list[str] = []
    for op in graph.nodes:
        new = _in_runtime(graph, op, runtime, target)
        if new != op:
            changed.append(op.name)
        nodes.append(new)
    return graph.with_nodes(tuple(nodes)), tuple(changed)


def _in_runtime(graph: Graph, op: Op, runtime: Arithmetic, target: str) -> Op:
    if isinstance(op, ResizeBilinear):
        return bilinear.in_runtime(graph, op, runtime.products)
    if isinstance(op, LayerNorm):
        return float_layer_norm(graph, op, runtime, target)
    if is_sixteen(graph, op):
        if runtime.sixteen is None:
            remedy = "16-bit integers; take host_litert or host_tflm"
            raise UnsupportedOp(op.name, target, remedy)
        return in_runtime_16(graph, op, runtime.sixteen is Sixteen.LITERT, target)
    if is_wide(graph, op):
        return op
    if isinstance(op, Softmax):
        return replace(op, kind=SoftmaxKind.FLOAT if runtime.float_softmax else SoftmaxKind.FIXED)
    if isinstance(op, Weighted) and op.rescale is not None:
        weight = _scales(graph, op.weight)
        source, output = (_scales(graph, name)[0] for name in (op.input, op.output))
        channels = graph.tensors[op.output].shape[-1]
        if runtime.products is Products.RUY_EIGHTS and _has_a_rest(op, channels):
            remedy = (
                f"{channels} channels, of which eights round otherwise than the rest; take a "
                "multiple of 8, or host_litert"
            )
            raise UnsupportedOp(op.name, target, remedy)
        form = _form(op, channels, runtime.products)
        try:
            rescale = form(op.rescale, source, weight, output)
        except ValueError as error:
            remedy = f"its multiplier has no place there ({error}); use other scales"
            raise UnsupportedOp(op.name, target, remedy) from error
        return replace(op, rescale=rescale)
    if isinstance(op, Add | Sub) and op.rescale is not None:
        add = _xnn_add if runtime.products is Products.XNNPACK else _tflm_add
        return add(op, op.rescale, *_three_scales(graph, op))
    if isinstance(op, Mul) and op.rescale is not None:
        return replace(op, rescale=_mul(op.rescale, *_three_scales(graph, op), runtime))
    if isinstance(op, MatMul) and op.rescale is not None:
        scales = _three_scales(graph, op)
        return replace(op, rescale=_matmul(op, op.rescale, scales, runtime.products))
    if isinstance(op, Requantize | SumPool2d):
        source, output = (_scales(graph, name)[0] for name in (op.input, op.output))
        return replace(op, rescale=derived_rescale(op, source, output))
    return _prelu(graph, op) if isinstance(op, Prelu) else op


def _three_scales(graph: Graph, op: Add | Sub | Mul | MatMul) -> tuple[float, float, float]:
    first, second, output = (_scales(graph, name)[0] for name in (*op.inputs, op.output))
    return first, second, output


def _mul(r: Rescale, first: float, second: float, output: float, runtime: Arithmetic) -> Rescale:
    if runtime.products is not Products.XNNPACK:
        return double_rescale([first * second / output], r.zero_point, r.low, r.high)
    return _float32_product(r, first, second, output)


def _float32_product(r: Rescale, first: float, second: float, output: float) -> Rescale:
    scale = np.float32(first) * np.float32(second) / np.float32(output)
    multiplier, shift = float32_multiplier(float(scale))
    return Rescale((multiplier,), (shift,), Rounding.FLOAT32, r.low, r.high, r.zero_point)


def _matmul(op: MatMul, r: Rescale, scales: tuple[float, float, float], of: Products) -> Rescale:
    """XNNPACK multiplies two int8 matrices if the second one has no zero point; LiteRT's own kernel
    rounds as TFLM's."""
    first, second, output = scales
    if of is Products.XNNPACK and op.input_zero_points[1] == 0:
        return _float32_product(r, first, second, output)
    form = _ruy_form if of in (Products.RUY, Products.RUY_EIGHTS) else _double_form
    return form(r, first, (second,), output)


def _prelu(graph: Graph, op: Prelu) -> Prelu:
    source, slope, output = (_scales(graph, name)[0] for name in (op.input, op.slope, op.output))
    positive, negative = (
        double_rescale([factor], r.zero_point, r.low, r.high)
        for factor, r in (
            (source / output, op.positive),
            (source * slope / output, op.negative),
        )
    )
    return replace(op, positive=positive, negative=negative)


def _scales(graph: Graph, name: str) -> tuple[float, ...]:
    facts = graph.tensors[name].quantization
    assert facts is not None
    return facts.scale


def _has_a_rest(op: Weighted, channels: int) -> bool:
    return isinstance(op, DepthwiseConv2d) and channels > 8 and channels % 8 != 0


def _form(op: Weighted, channels: int, products: Products) -> _Form:
    match products:
        case Products.XNNPACK:
            return _float32_form
        case Products.RUY if not isinstance(op, DepthwiseConv2d):
            return _ruy_form
        case Products.RUY_EIGHTS if not isinstance(op, DepthwiseConv2d) or channels % 8 == 0:
            return _ruy_form
        case Products.DOUBLE | Products.RUY | Products.RUY_EIGHTS:
            return _double_form
    assert_never(products)


def _ruy_form(r: Rescale, source: float, weight: tuple[float, ...], output: float) -> Rescale:
    """Two roundings half up are one, of the product and a half of what the first one drops."""
    double = _double_form(r, source, weight, output)
    offset = tuple(1 << _HIGH_BITS - 1 if shift > _HIGH_BITS else 0 for shift in double.shift)
    return replace(double, rounding=Rounding.HALF_UP, offset=offset)


def _double_form(r: Rescale, source: float, weight: tuple[float, ...], output: float) -> Rescale:
    return double_rescale([source * w / output for w in weight], r.zero_point, r.low, r.high)


def _float32_form(r: Rescale, source: float, weight: tuple[float, ...], output: float) -> Rescale:
    products = np.float32(source) * np.array(weight, np.float32) / np.float32(output)
    if products.max() >= _XNN_LARGEST:
        raise ValueError(f"{products.max():.3g} is not below {_XNN_LARGEST:g}")
    multiplier, shift = zip(*(float32_multiplier(float(p)) for p in products), strict=True)
    return Rescale(multiplier, shift, Rounding.FLOAT32, r.low, r.high, r.zero_point)


def _xnn_add(op: Add | Sub, r: Rescale, first: float, second: float, output: float) -> Add | Sub:
    ratios = [np.float32(s) / np.float32(output) for s in (first, second)]
    shift = _XNN_ADD_BITS - (frexp(float(max(ratios)))[1] - 1)
    inputs = [
        Rescale((int(np.rint(np.ldexp(f, shift))),), (0,), Rounding.HALF_UP, S32.low, S32.high)
        for f in ratios
    ]
    rescale = replace(r, multiplier=(1,), shift=(shift,), rounding=Rounding.HALF_UP, left_shift=0)
    return replace(op, input_rescales=(inputs[0], inputs[1]), rescale=rescale, accumulator_bits=32)


def _tflm_add(op: Add | Sub, r: Rescale, first: float, second: float, output: float) -> Add | Sub:
    inputs, total = double_add(first, second, output, r.zero_point, r.low, r.high)
    return replace(op, input_rescales=inputs, rescale=total, accumulator_bits=32)
