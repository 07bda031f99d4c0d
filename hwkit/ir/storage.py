"""How the integers of a tensor lie in a memory or on a link.

A type says which values an integer may have, a storage how many bits it takes. What has no
byte of its own is packed without gaps, from the low bits of a byte up; longer integers are
little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from hwkit.errors import ConfigError, FormatError
from hwkit.ir.types import Array, IntType, TensorType

_WIDTHS = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, slots=True)
class Storage:
    """Integers of ``bits`` bits (1, 2, 4, 8, 16 or 32) each, in C order, the whole tensor in a
    row; ``ConfigError`` for another width.

    An integer of a narrower type takes all bits: extended by its sign, or by zeros.

    Example: ``Storage(4)`` has (1, -2, 3) as the bytes 0xE1, 0x03.
    """

    bits: int

    def __post_init__(self) -> None:
        if self.bits not in _WIDTHS:
            raise ConfigError(f"storage of {self.bits} bits: give one of {_WIDTHS}")

    @property
    def lanes(self) -> int:
        """Integers in a byte: 8, 4 or 2, and 1 where each has a byte or more."""
        return max(8 // self.bits, 1)

    def bytes_of(self, tensor: TensorType) -> int:
        """Bytes of one sample; the last byte may have lanes left. Five integers of 4 bits: 3."""
        return -(-tensor.elements * self.bits // 8)

    def pack(self, x: Array) -> bytes:
        """The integers of ``x``, any shape; lanes that are left are 0.

        ``FormatError`` for an integer that has more bits, whether signed or not.
        """
        flat = np.asarray(x).reshape(-1)
        low, high = -(1 << (self.bits - 1)), (1 << self.bits) - 1
        if flat.size and (flat.min() < low or flat.max() > high):
            worst = int(flat.min()) if flat.min() < low else int(flat.max())
            raise FormatError(f"integer {worst}: has more than {self.bits} bits; store it wider")
        if self.lanes == 1:
            # By way of int64, so that an unsigned integer keeps its bits in a signed container.
            return flat.astype(np.int64).astype(self._dtype(signed=True)).tobytes()
        padded = np.zeros(-(-flat.size // self.lanes) * self.lanes, np.int64)
        padded[: flat.size] = flat
        lanes = (padded.reshape(-1, self.lanes) & ((1 << self.bits) - 1)) << self._shifts()
        return bytes(lanes.sum(axis=1).tolist())

    def unpack(self, data: bytes, tensor: TensorType) -> Array:
        """The inverse of ``pack``, in the tensor's shape and container.

        An integer outside its type stays so: who reads what can't be trusted checks the range.
        ``FormatError`` when ``data`` has another length.
        """
        if len(data) != self.bytes_of(tensor):
            raise FormatError(
                f"{len(data)} bytes for {tensor.elements} integers of {self.bits} bits: "
                f"these take {self.bytes_of(tensor)}; read the whole tensor"
            )
        signed = tensor.dtype.signed
        if self.lanes == 1:
            flat: Array = np.frombuffer(data, self._dtype(signed))
        else:
            stored = np.frombuffer(data, np.uint8).astype(np.int64)[:, None]
            flat = (stored >> self._shifts() & ((1 << self.bits) - 1)).reshape(-1)
            flat = flat[: tensor.elements]
            if signed:
                flat = flat - ((flat >> (self.bits - 1)) << self.bits)
        return flat.reshape(tensor.shape).astype(tensor.dtype.container)

    def _dtype(self, signed: bool) -> np.dtype[Any]:
        return IntType(self.bits, signed).container.newbyteorder("<")

    def _shifts(self) -> Array:
        return np.arange(self.lanes) * self.bits


@dataclass(frozen=True, slots=True)
class Storages:
    """The widths, ascending, in which a memory or a link holds integers: a fact of a target.

    Example: ``Storages((8, 32))`` stores 4-bit integers in a byte and 12-bit ones in four.
    """

    widths: tuple[int, ...]

    def of(self, dtype: IntType) -> Storage:
        """The narrowest storage of ``dtype``; ``ConfigError`` when it is too wide for all."""
        for width in self.widths:
            if dtype.bits <= width:
                return Storage(width)
        raise ConfigError(
            f"{dtype}: stored in at most {max(self.widths)} bits here; quantize it to fewer"
        )

    def bytes_of(self, tensor: TensorType) -> int:
        """Bytes of one sample of ``tensor``; 10 integers of s12 take 20 in ``WHOLE_BYTES``."""
        return self.of(tensor.dtype).bytes_of(tensor)

    def pack(self, x: Array, dtype: IntType) -> bytes:
        """One sample as stored. Example: -1 of s12 is 0xFF, 0xFF in ``WHOLE_BYTES``."""
        return self.of(dtype).pack(x)

    def unpack(self, data: bytes, tensor: TensorType) -> Array:
        """The inverse of ``pack``, in the tensor's shape and container; ``FormatError`` when
        ``data`` has another length."""
        return self.of(tensor.dtype).unpack(data, tensor)


WHOLE_BYTES = Storages((8, 16, 32))
"""One byte for up to 8 bits, two for up to 16, else four."""
