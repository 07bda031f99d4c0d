"""What a .tflite holds and its runtimes compute exactly."""

from __future__ import annotations

from typing import get_args

from hwkit.ir.ops import Op, Rounding, SoftmaxKind
from hwkit.target import Capabilities

_OPS: frozenset[type[Op]] = frozenset(get_args(Op))

CAPABILITIES = Capabilities(
    name="edge",
    ops=_OPS,
    roundings={op: tuple(Rounding) for op in _OPS},
    weight_bits=(4, 8),
    activation_bits=(8, 16, 32),
    signed_activations=True,
    most_inputs=None,
    most_outputs=None,
    states=True,
    softmax=tuple(SoftmaxKind),
)
