"""Weights of fewer than 8 bits for kernels that read bytes (``ref/hwk_packed_weights.h``).

They are packed in flash, in the order in which the kernel reads them, and unpacked for a tile of
output channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.descriptors import channels_in, number, round_up, taps
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.structs import Struct, Table

_TILE_BYTES = 2048
"""Of weights that are unpacked at once, at most, but for a few channels that have more."""
_WORD = 32
_TILE_STEP = 8
"""Channels of a tile: whole groups of rows, in whole words of flash."""


@dataclass(frozen=True, slots=True)
class Weights:
    """``placed`` has the weights as they lie in flash, ``bits`` each. The rest as in
    ``hwk_packing_t``: of ``outputs`` channels ``tile`` are unpacked at once, to ``size_bytes``."""

    placed: Struct
    bits: int
    outputs: int
    tile: int
    rows: int = 0
    row_bytes: int = 0
    size_bytes: int = 0
    low: int = 0
    high: int = 0

    @property
    def tiled(self) -> bool:
        """Whether the layer has several tiles."""
        return self.tile < self.outputs

    def tile_bytes(self, pixels: int) -> int:
        """For a tile's outputs of so many pixels."""
        if not self.tiled:
            return 0
        r = self.placed.fields["rescale"]
        assert isinstance(r, Struct)
        return round_up(pixels * self.tile * number(r, "output_bytes"), 4)


def weights_of(call: Call, kernel: Kernel, outputs: int) -> Weights:
    """Of a call of ``kernel`` with so many output channels: packed where its layout is one of bytes
    and the weights' type allows it.

    Example: a layer whose weights are all -1 or 1 takes a bit for each, with low -1 and high 1; one
    with zeros between its rows, as 27 taps have them, takes two.
    """
    placed = laid_out(call, kernel.row.layout).descriptor
    table = placed.fields.get("weights")
    bits = 8
    if isinstance(table, Table) and table.values.dtype == np.int8 and "_s4" not in kernel.name:
        bits = _bits(table.values, call.weight_bits)
    if bits == 8:
        return Weights(placed, 8, outputs, outputs)
    assert isinstance(table, Table)
    flat = table.values.reshape(-1)
    low, high = (int(flat.min()), int(flat.max())) if bits == 1 else (0, 0)
    lanes = (flat != low).astype(np.int64) if bits == 1 else flat
    packed = Struct({**placed.fields, "weights": Table(table.purpose, _in_words(lanes, bits))})
    size, row_bytes, tile = round_up(len(flat), _WORD // bits), 0, outputs
    if kernel.descriptor != "depthwise_conv2d":
        row_bytes = round_up(_row(placed, kernel), 4)
        tile = max(_TILE_BYTES // row_bytes // _TILE_STEP, 1) * _TILE_STEP
        tile, size = (tile, tile * row_bytes) if tile < outputs else (outputs, size)
    rows = len(flat) // row_bytes if row_bytes else 0
    return Weights(packed, bits, outputs, tile, rows, row_bytes, size, low, high)


def _in_words(values: Array, bits: int) -> Array:
    """int8 bytes in whole words, byte j of a word with integers j, j + 4, j + 8, ...

    Example: 1, 2, 3, 4, 5, 6, 7, -8 in 4 bits give 0x51, 0x62, 0x73, 0x84.
    """
    padded = np.zeros(round_up(len(values), _WORD // bits), np.int64)
    padded[: len(values)] = values
    groups = (padded & ((1 << bits) - 1)).reshape(-1, 8 // bits, 4)
    shifts = bits * np.arange(8 // bits)[:, None]
    words: Array = (groups << shifts).sum(axis=1).astype(np.uint8).view(np.int8)
    return words.reshape(-1)


def _row(placed: Struct, kernel: Kernel) -> int:
    if kernel.descriptor == "dense":
        return number(placed, "input_features")
    return taps(placed) * channels_in(placed)


def _bits(values: Array, most: int) -> int:
    """The fewest that hold ``values``, as much as ``most`` says; 8 where these are not packed."""
    if most == 8:
        return 8
    low, high = int(values.min()), int(values.max())
    if ((values == low) | (values == high)).all():
        return 1
    return next(bits for bits in (2, 4, 8) if -(1 << (bits - 1)) <= low and high < 1 << (bits - 1))
