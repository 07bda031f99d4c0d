"""Each runtime's own arithmetic, computed from the scales in the file as the runtime does.

TFLM (kernels of the reference library): the real multiplier in double, then a 31-bit multiplier
and double rounding. LiteRT with XNNPACK on x86-64: one float32 product rounded half to even for
convolutions and dense layers; for an add 21-bit multipliers and one rounding half up.
"""

from __future__ import annotations

from dataclasses import replace
from math import frexp

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import float32_multiplier
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Op,
    Rescale,
    Rounding,
    Softmax,
    SoftmaxKind,
)
from hwkit.ir.tflite import double_add, double_rescale
from hwkit.ir.types import S32
from hwkit.targets.edge.scales import add_ratios

_XNN_ADD_BITS = 20
"""XNNPACK's larger add multiplier lies in 2**20..2**21."""
_XNN_ADD_RATIOS = (2.0**-10, 2.0**8)
"""Ratios of input to output scale that XNNPACK's add takes; LiteRT adds others elsewhere."""
_XNN_LARGEST = 256.0
"""XNNPACK refuses a convolution whose multiplier is this large, or more."""


def check_ratios(graph: Graph, runtime: str, target: str) -> None:
    """Raises ``UnsupportedOp`` for adds whose scales the runtime does not take."""
    for op in graph.nodes:
        if isinstance(op, Add) and op.rescale is not None:
            low, high = _XNN_ADD_RATIOS if runtime == "litert" else (2.0**-30, 2.0**18)
            # A hair inside, as the runtime computes the ratio from rounded scales.
            if not all(low * 1.001 <= f < high * 0.999 for f in add_ratios(op)):
                first, second = add_ratios(op)
                raise UnsupportedOp(
                    op.name,
                    target,
                    f"input scales are {first:.3g} and {second:.3g} of the output's; "
                    f"bring both into {low:.3g}..{high:.3g} by other activation scales",
                )


def in_runtime(graph: Graph, runtime: str, target: str) -> tuple[Graph, tuple[str, ...]]:
    """The graph with the rescales that ``runtime`` derives from the stated scales, and the names
    of the nodes whose arithmetic is now another.

    ``runtime`` is ``litert`` or ``tflm``. Raises ``UnsupportedOp`` for a multiplier that the
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


def _in_runtime(graph: Graph, op: Op, runtime: str, target: str) -> Op:
    if isinstance(op, Softmax):
        return replace(op, kind=SoftmaxKind.FLOAT if runtime == "litert" else SoftmaxKind.FIXED)
    if isinstance(op, Conv2d | DepthwiseConv2d | Dense) and op.rescale is not None:
        weight = _scales(graph, op.weight)
        source, output = (_scales(graph, name)[0] for name in (op.input, op.output))
        form = _float32_form if runtime == "litert" else _double_form
        try:
            rescale = form(op.rescale, source, weight, output)
        except ValueError as error:
            remedy = f"its multiplier has no place there ({error}); use other scales"
            raise UnsupportedOp(op.name, target, remedy) from error
        return replace(op, rescale=rescale)
    if isinstance(op, Add) and op.rescale is not None:
        first, second, total = (_scales(graph, name)[0] for name in (*op.inputs, op.output))
        add = _xnn_add if runtime == "litert" else _tflm_add
        return add(op, op.rescale, first, second, total)
    return op


def _scales(graph: Graph, name: str) -> tuple[float, ...]:
    facts = graph.tensors[name].quantization
    assert facts is not None
    return facts.scale


def _double_form(r: Rescale, source: float, weight: tuple[float, ...], output: float) -> Rescale:
    return double_rescale([source * w / output for w in weight], r.zero_point, r.low, r.high)


def _float32_form(r: Rescale, source: float, weight: tuple[float, ...], output: float) -> Rescale:
    products = np.float32(source) * np.array(weight, np.float32) / np.float32(output)
    if products.max() >= _XNN_LARGEST:
        raise ValueError(f"{products.max():.3g} is not below {_XNN_LARGEST:g}")
    multiplier, shift = zip(*(float32_multiplier(float(p)) for p in products), strict=True)
    return Rescale(multiplier, shift, Rounding.FLOAT32, r.low, r.high, r.zero_point)


def _xnn_add(op: Add, r: Rescale, first: float, second: float, output: float) -> Add:
    ratios = [np.float32(s) / np.float32(output) for s in (first, second)]
    shift = _XNN_ADD_BITS - (frexp(float(max(ratios)))[1] - 1)
    inputs = [
        Rescale((int(np.rint(np.ldexp(f, shift))),), (0,), Rounding.HALF_UP, S32.low, S32.high)
        for f in ratios
    ]
    rescale = replace(r, multiplier=(1,), shift=(shift,), rounding=Rounding.HALF_UP, left_shift=0)
    return replace(op, input_rescales=(inputs[0], inputs[1]), rescale=rescale, accumulator_bits=32)


def _tflm_add(op: Add, r: Rescale, first: float, second: float, output: float) -> Add:
    inputs, total = double_add(first, second, output, r.zero_point, r.low, r.high)
    return replace(op, input_rescales=inputs, rescale=total, accumulator_bits=32)
