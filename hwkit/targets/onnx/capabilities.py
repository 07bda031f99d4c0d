"""What ONNX Runtime computes exactly of a graph: all of it."""

from __future__ import annotations

from typing import get_args

from hwkit.ir.ops import Op, Rounding, SoftmaxKind
from hwkit.target import Capabilities

_OPS: frozenset[type[Op]] = frozenset(get_args(Op))

CAPABILITIES = Capabilities(
    name="onnx",
    ops=_OPS,
    roundings={op: tuple(Rounding) for op in _OPS},
    weight_bits=tuple(range(1, 33)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
    most_inputs=None,
    most_outputs=None,
    states=True,
    softmax=tuple(SoftmaxKind),
)
