"""Powers of two: what a fixed-point project can scale by, and the refusal of anything else."""

from __future__ import annotations

from fractions import Fraction
from math import frexp

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Rescale, Rounding, activations, constants
from hwkit.ir.types import TensorType
from hwkit.lower.lowest_terms import lowest_terms
from hwkit.targets.hls4ml.fixed import QUANTIZATION_MODES

TARGET = "hls4ml_csim"

_TRAIN = (
    "train with power-of-two scales and no zero points "
    "(restrict_scaling_type = power_of_two, as in the recipe digits_po2)"
)


def shifts(r: Rescale, node: str) -> tuple[int, ...]:
    """``k`` of each factor ``2**-k`` that ``r`` multiplies by, one entry or one per channel.

    Example: multiplier 2**30, shift 33 gives (3,); a factor above 1 gives a negative k.
    Raises ``UnsupportedOp`` naming the factor that is no power of two, or the zero point.
    """
    if r.zero_point:
        raise UnsupportedOp(node, TARGET, f"its zero point is {r.zero_point}: {_TRAIN}")
    if r.rounding not in QUANTIZATION_MODES:
        raise UnsupportedOp(node, TARGET, f"it rounds {r.rounding}; use {Rounding.HALF_EVEN}")
    return tuple(
        _shift(m, s - r.left_shift, node) for m, s in zip(r.multiplier, r.shift, strict=True)
    )


def offsets(r: Rescale | None) -> tuple[tuple[int, ...], int]:
    """What ``r`` adds to each channel (one entry or all), in units of ``2**-fraction`` of its
    result, and ``fraction``: as few bits as give the same integers.

    Example: multiplier 2**30, shift 33 (a factor of 1/8), offset 5 * 2**29 gives ((5,), 4) where
    halves go to the even integer, and ((2,), 3) where they go up.
    """
    if r is None or not any(r.offset):
        return (0,), 0
    rows = zip(*np.broadcast_arrays(r.multiplier, r.shift, r.offset), strict=True)
    terms = [lowest_terms(int(m) << r.left_shift, int(s), int(o), r.rounding) for m, s, o in rows]
    fraction = max((s for _, s, o in terms if o), default=0)
    return tuple(o << (fraction - s) if o else 0 for _, s, o in terms), fraction


def _shift(multiplier: int, shift: int, node: str) -> int:
    if multiplier < 1 or multiplier & (multiplier - 1):
        ratio = float(Fraction(multiplier) / (1 << shift) if shift >= 0 else multiplier << -shift)
        raise UnsupportedOp(
            node,
            TARGET,
            f"its factor {multiplier}/2**{shift} = {ratio:.6g} is not a power of two: {_TRAIN}",
        )
    return shift - (multiplier.bit_length() - 1)


def check_scales(graph: Graph) -> None:
    """Every scale that the graph states is a power of two and every zero point 0.

    Raises ``UnsupportedOp`` naming the op, the tensor and the value. Tensors without stated
    scales pass: only the integers matter.
    """
    for op in graph.nodes:
        for name in (*activations(op), *constants(op), op.output):
            _check_tensor(op, name, graph.tensors[name])


def _check_tensor(op: Op, name: str, tensor: TensorType) -> None:
    facts = tensor.quantization
    if facts is None:
        return
    if facts.zero_point:
        message = f"tensor {name!r} has zero point {facts.zero_point}: {_TRAIN}"
        raise UnsupportedOp(op.name, TARGET, message)
    for scale in facts.scale:
        if frexp(scale)[0] != 0.5:
            message = f"tensor {name!r} has scale {scale:.6g}, not a power of two: {_TRAIN}"
            raise UnsupportedOp(op.name, TARGET, message)
