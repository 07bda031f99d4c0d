"""What random graphs may hold for a target: made from what it claims, so that a target that joins
the registry is tested without a line of its own."""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.ops import Rounding
from hwkit.ir.types import S8, U8, IntType
from hwkit.target import Capabilities
from hwkit.targets.mcu.capabilities import CAPABILITIES as MCU_CAPABILITIES
from tests.conformance.graphs import ALL_OPS, Space

_MOST = 3
"""Inputs, outputs and states where a target takes any number."""

_NARROW = (IntType(4, True), IntType(5, False), IntType(2, False))


def space_of(able: Capabilities) -> Space:
    """The graphs that a target of these capabilities should take, or refuse by name."""
    everywhere = set(Rounding).intersection(*able.roundings.values())
    roundings = tuple(rounding for rounding in Rounding if rounding in everywhere)
    widest = max(able.activation_bits)
    return Space(
        ops=tuple(op for op in ALL_OPS if op in able.ops),
        roundings=roundings,
        activations=tuple(t for t in (S8, U8, *_NARROW) if t.bits <= widest),
        weight_bits=tuple(bits for bits in (8, 4, 3, 2) if bits <= max(able.weight_bits)),
        dyadic=able.power_of_two_scales,
        softmax=able.softmax,
        dilation=not able.power_of_two_scales,
        raw_output=True,
        offsets=True,
        inputs=_MOST if able.most_inputs is None else min(able.most_inputs, _MOST),
        outputs=_MOST if able.most_outputs is None else min(able.most_outputs, _MOST),
        states=_MOST if able.states else 0,
    )


NARROW = replace(
    space_of(MCU_CAPABILITIES),
    activations=(
        *(IntType(4, True),) * 3,
        *(IntType(2, True),) * 2,
        *(IntType(bits, False) for bits in (4, 2, 1)),
        IntType(3, True),
        S8,
    ),
    weight_bits=(4, 2, 1, 8, 3),
    max_ops=6,
    inputs=1,
    outputs=1,
    states=0,
)
"""Of the microcontrollers, most of it packed: tensors and weights of 4 bits and fewer."""

MCU = replace(space_of(MCU_CAPABILITIES), inputs=1, outputs=1, states=0)
"""Of the microcontrollers, for tests that build many plain models of them at once."""
