"""Which function a table is of: QONNX has functions between quantizers, and no tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hwkit.ir.types import Array, IntType
from hwkit.targets.onnx.draft import Meaning

_ALLOWED = 0.05
"""Share of a table's entries that may be another function's by one step: fixed-point kernels are
that far from the real function."""


@dataclass(frozen=True, slots=True)
class Function:
    """An ONNX operator of one tensor, and its definition in float64."""

    kind: str
    of: Callable[[Array], Array]
    attributes: Mapping[str, Any] = field(default_factory=dict)


def _sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-np.clip(x, -500, 500)))
    return found


def _leaky(alpha: float) -> Function:
    def of(x: Array) -> Array:
        return np.where(x < 0, alpha * x, x)

    return Function("LeakyRelu", of, {"alpha": alpha})


FUNCTIONS = (
    Function("Identity", lambda x: x),
    Function("Relu", lambda x: np.maximum(x, 0)),
    Function("Sigmoid", _sigmoid),
    Function("Tanh", np.tanh),
    Function("HardSwish", lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    Function("HardSigmoid", lambda x: np.clip(x / 6 + 0.5, 0, 1), {"alpha": 1 / 6, "beta": 0.5}),
    Function("Elu", lambda x: np.where(x < 0, np.expm1(np.minimum(x, 0)), x), {"alpha": 1.0}),
    *map(_leaky, (0.01, 0.1, 0.2, 0.3)),
)


def function_of(
    table: Array, dtype: IntType, source: Meaning, output: Meaning, ends: tuple[int, int]
) -> tuple[Function, int] | None:
    """The function whose quantized values ``table`` has for every integer of ``dtype``, and how
    many entries are one step off; None where none comes near.

    Example: a table of 1 / (1 + exp(-x)) at the steps of ``source`` is ``Sigmoid``.
    """
    x = (np.arange(dtype.low, dtype.high + 1) - source.zero_point) * float(source.scale[0])
    best: tuple[Function, int] | None = None
    for function in FUNCTIONS:
        steps = np.rint(function.of(x) / float(output.scale[0])) + output.zero_point
        apart = np.abs(np.clip(steps, *ends) - table)
        off = int(np.count_nonzero(apart))
        near = apart.max() <= 1 and off <= _ALLOWED * table.size
        if near and (best is None or off < best[1]):
            best = function, off
    return best
