"""The staircase of a descriptor's rescale, over the sums that its weights can give."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from hwkit.ir.types import Array
from hwkit.targets.mcu.staircase import Staircase, staircase
from hwkit.targets.mcu.structs import Struct, Table

Stream: TypeAlias = Callable[[Array, Array, Staircase], Array]
"""The int32 words of a kernel's only table, flat, of weights by channel, biases and staircase."""


def stairs(struct: Struct, rows: Array) -> Staircase | None:
    """Of every channel; ``rows`` (channels, taps) are the weights, int8. None where the rescale is
    no double rounding into the whole of int8 by one shift, or steps lie on no line.

    Inputs are integers of -128..127. Biases may have been taken modulo 2**32, so the products of
    a row must stay below 2**30: with sums of 26 bits a bias is then what it seems.
    """
    bias, r = struct.fields["bias"], struct.fields["rescale"]
    assert isinstance(bias, Table) and isinstance(r, Struct)
    weights, start = rows.astype(np.int64), bias.values.astype(np.int64)
    if len(start) == 0 or int(np.abs(weights).sum(axis=1).max()) >= 1 << 23:
        return None
    low = start + np.minimum(-128 * weights, 127 * weights).sum(axis=1)
    high = start + np.maximum(-128 * weights, 127 * weights).sum(axis=1)
    scale = (
        entries(r, "multipliers", "multiplier", len(start)),
        entries(r, "shifts", "shift", len(start)),
    )
    zero_point = r.fields["zero_point"]
    assert isinstance(zero_point, int)
    return staircase(*scale, zero_point, low, high)


def one_line(made: Staircase | None) -> bool:
    """Whether it is there and no channel has two lines."""
    return made is not None and not made.split.any()


def entries(r: Struct, table: str, number: str, count: int) -> Array:
    """A factor of each channel, int64 (count,)."""
    values, one = r.fields[table], r.fields[number]
    found = values.values if isinstance(values, Table) else one
    return np.broadcast_to(np.asarray(found, np.int64), count)


def streamed(struct: Struct, rows: Array, stream: Stream) -> Struct:
    """``struct``, whose ``rows`` (channels, taps) have a staircase, with the one table that
    ``stream`` makes of rows, biases and staircase in place of weights, biases and factors."""
    weights, bias, r = (struct.fields[name] for name in ("weights", "bias", "rescale"))
    assert isinstance(weights, Table) and isinstance(bias, Table) and isinstance(r, Struct)
    made = stairs(struct, rows)
    assert made is not None
    alone = Struct({**r.fields, "multipliers": None, "shifts": None})
    table = Table(weights.purpose, stream(rows, bias.values, made))
    return Struct({**struct.fields, "weights": table, "bias": None, "rescale": alone})
