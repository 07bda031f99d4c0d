"""Types of tensors: integer width, shape, and what the integers mean.

Layout everywhere: activations HWC for one sample (the batch is the first axis of arrays handed
to the interpreter and never part of a shape), weights OHWI, depthwise weights 1HWC, dense OI.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class IntType:
    """An integer of ``bits`` bits, two's complement when ``signed``; 1 <= bits <= 48.

    Activations have at most 32; more is for the biases of 16-bit layers.

    Example: ``IntType(4, True)`` holds -8..7, ``IntType(8, False)`` holds 0..255.
    """

    bits: int
    signed: bool

    @property
    def low(self) -> int:
        """Smallest value: ``-2**(bits-1)`` or 0."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest value: ``2**(bits-1) - 1`` or ``2**bits - 1``."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def container(self) -> np.dtype[Any]:
        """The smallest numpy dtype that holds it; ``IntType(4, True)`` lives in int8."""
        width = next(width for width in (8, 16, 32, 64) if self.bits <= width)
        return np.dtype(f"{'int' if self.signed else 'uint'}{width}")

    def __str__(self) -> str:
        return f"{'s' if self.signed else 'u'}{self.bits}"


S8 = IntType(8, True)
U8 = IntType(8, False)
S16 = IntType(16, True)
S32 = IntType(32, True)
S48 = IntType(48, True)


@dataclass(frozen=True, slots=True)
class Quantization:
    """What the integers of a tensor mean: ``real = scale * (integer - zero_point)``.

    A fact for people, importers and reports. Nothing computes with it: zero points and scales
    that matter to a result are fields of the ops. ``scale`` has one entry, or one for each
    channel (the output-channel axis of a weight, the last axis of an activation).
    """

    scale: tuple[float, ...]
    zero_point: int = 0


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape of one sample (or of a constant), integer type and meaning of a tensor."""

    shape: Shape
    dtype: IntType
    quantization: Quantization | None = None

    @property
    def elements(self) -> int:
        """Number of integers: the product of the shape."""
        return prod(self.shape)

    @property
    def container_bytes(self) -> int:
        """Bytes when each integer takes its container; (4, 4, 3) of s4 takes 48."""
        return self.elements * self.dtype.container.itemsize

    @property
    def packed_bytes(self) -> int:
        """Bytes when the bits are packed without gaps; (4, 4, 3) of s4 takes 24."""
        return (self.elements * self.dtype.bits + 7) // 8
