"""The scales of a QDQ or QOp file: its operators know multipliers only as ratios of scales.

A layer's weight scale is free and takes up what the activations' scales leave of its multipliers.
An op without weights has its rescale in the scales that its tensors state, or has no such form.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import NO_OFFSET, Overflow, Rescale, Rounding
from hwkit.ir.sums import bias_of
from hwkit.ir.traits import Weighted
from hwkit.ir.types import S8, S32, Array, Quantization
from hwkit.targets.onnx.sums import fits_zero_point

_NEAR = 2.0**-15
"""Relative error up to which stated scales have a rescale: what fixed-point adds are made with."""
_FAR = 1 << 24
"""A clamp as far out as this is that of a fine common step."""
_FINE = 256.0
"""Steps of the sum for one of an operand: how these are rounded is not seen in 8 bits."""
_SAME = 2.0**-22
"""The same for a weight's scale, which was rounded in another way."""


def step_of(graph: Graph, name: str) -> float:
    """What one integer of ``name`` stands for; 1 where nothing is stated."""
    facts = graph.tensors[name].quantization
    return facts.scale[0] if facts is not None and len(facts.scale) == 1 else 1.0


def has_form(graph: Graph, name: str, zero_point: int) -> bool:
    """Whether QuantizeLinear gives ``name`` with ``zero_point``: 8 bits and one scale."""
    tensor = graph.tensors[name]
    facts = tensor.quantization
    single = facts is None or len(facts.scale) == 1
    return single and fits_zero_point(tensor.dtype, zero_point)


def factors(r: Rescale | None) -> Array:
    """The real factor of each channel, float64. Example: multiplier 3, shift 2 is 0.75."""
    if r is None:
        return np.ones(1)
    pairs = zip(r.multiplier, r.shift, strict=True)
    return np.array([float(Fraction(m << r.left_shift, 1 << s)) for m, s in pairs])


def is_near(ratio: float, wanted: float) -> bool:
    """Whether the stated scales' ``ratio`` is the rescale's factor ``wanted``."""
    return abs(ratio - wanted) <= _NEAR * wanted


def is_coarse(r: Rescale | None) -> bool:
    """Whether an operand's rescale is seen in the sum: it rounds to whole steps or clamps near, and
    does not only bring the operand to a fine common step."""
    if r is None:
        return False
    whole = all(m % (1 << s) == 0 for m, s in zip(r.multiplier, r.shift, strict=True))
    exact = whole and r.offset == NO_OFFSET
    rounds = not exact and float(factors(r).min()) < _FINE
    return rounds or max(-r.low, r.high) < _FAR


def is_plain(r: Rescale | None) -> bool:
    """Whether scales can have ``r``: one factor above 0, no offset, no wrapping."""
    if r is None:
        return True
    saturates = r.overflow is Overflow.SATURATE and r.rounding is not Rounding.FLOOR
    return saturates and r.channels == 1 and r.offset == NO_OFFSET and r.multiplier[0] > 0


@dataclass(frozen=True, slots=True)
class WeightForm:
    """A layer in real scales: ``scale`` float32 (one or a channel), ``bias`` int32 (outputs,), and
    whether ``bias`` holds what rounding and offset add exactly."""

    scale: Array
    bias: Array
    exact_bias: bool


def weight_form(graph: Graph, op: Weighted) -> WeightForm | None:
    """How QLinearConv has ``op``, or None where it cannot."""
    r = op.rescale
    if r is None or r.overflow is not Overflow.SATURATE or min(r.multiplier) <= 0:
        return None
    if not (
        has_form(graph, op.input, op.input_zero_point) and has_form(graph, op.output, r.zero_point)
    ):
        return None
    weight = graph.constants[op.weight]
    if weight.min() < S8.low or weight.max() > S8.high:
        return None
    factor = factors(r)
    steps = factor * (step_of(graph, op.output) / step_of(graph, op.input))
    scale = _as_stated(steps, graph.tensors[op.weight].quantization)
    bias = bias_of(op, graph.constants).astype(np.float64)
    shifts = np.array(r.shift, np.float64)
    added = np.array(r.offset, np.float64) / 2.0**shifts - 0.5 * (r.rounding is Rounding.FLOOR)
    wanted = bias + added / factor
    whole = np.rint(wanted)
    if np.abs(whole).max() > S32.high or not np.isfinite(scale).all() or scale.min() < _SMALLEST:
        return None
    bias = np.broadcast_to(whole, (graph.tensors[op.output].shape[-1],)).astype(np.int32)
    return WeightForm(scale, bias, bool((whole == wanted).all()))


def sum_form(graph: Graph, op: Weighted) -> WeightForm | None:
    """A layer that gives its sums, in the scales that are stated (a weight's is 1 where none is);
    None where it has no such form."""
    weight, facts = graph.constants[op.weight], graph.tensors[op.weight].quantization
    bias = bias_of(op, graph.constants)
    fits = S8.low <= weight.min() and weight.max() <= S8.high and np.abs(bias).max() <= S32.high
    if not fits or not has_form(graph, op.input, op.input_zero_point):
        return None
    scale = np.array([1.0] if facts is None else facts.scale, np.float32)
    return WeightForm(scale, bias.astype(np.int32), True)


_SMALLEST = 2.0**-120


def _as_stated(steps: Array, stated: Quantization | None) -> Array:
    """``steps`` in float32, or those ``stated`` where they are the same but for the last bits."""
    if stated is not None and len(stated.scale) in (1, len(steps)):
        known = np.array(stated.scale)
        if (np.abs(known - steps) <= _SAME * steps).all():
            return known.astype(np.float32)
    return steps.astype(np.float32)
