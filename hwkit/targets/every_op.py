"""What a target can do that has the graph's own arithmetic."""

from __future__ import annotations

from typing import get_args

from hwkit.ir.ops import Op, Rounding, SoftmaxKind
from hwkit.target import Capabilities


def every_op(name: str) -> Capabilities:
    """All ops and roundings, of any width, with any number of inputs, outputs and states."""
    ops: frozenset[type[Op]] = frozenset(get_args(Op))
    return Capabilities(
        name=name,
        ops=ops,
        roundings={op: tuple(Rounding) for op in ops},
        weight_bits=tuple(range(1, 33)),
        activation_bits=tuple(range(1, 33)),
        signed_activations=False,
        most_inputs=None,
        most_outputs=None,
        states=True,
        softmax=tuple(SoftmaxKind),
    )
