"""A product's rescale as a staircase (``scalar/hwk_broadcast_mul_s8_line.h``)."""

from __future__ import annotations

from itertools import product

import numpy as np

from hwkit.targets.mcu.fits import double_rounding
from hwkit.targets.mcu.staircase import Staircase, staircase
from hwkit.targets.mcu.stairs import one_line
from hwkit.targets.mcu.structs import Struct, Table
from hwkit.targets.mcu.weights import as_words


def fits(struct: Struct) -> bool:
    """Double rounding of whole tensors into int8, and a staircase of one line over all products."""
    return one_line(_of(struct))


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The product that x = 0 stands for, last, multiplier and offset in the place of the rescale's
    multipliers; ``weights`` are none."""
    made, r = _of(struct), struct.fields["rescale"]
    assert made is not None and isinstance(r, Struct)
    words = np.concatenate([made.first, made.last, made.multiplier, made.offset])
    line = Table("line", as_words(words))
    return Struct({**struct.fields, "rescale": Struct({**r.fields, "multipliers": line})})


def _of(struct: Struct) -> Staircase | None:
    r, zero_points = struct.fields["rescale"], struct.fields["zero_points"]
    assert isinstance(r, Struct) and isinstance(zero_points, tuple)
    tables = any(isinstance(r.fields[of], Table) for of in ("multipliers", "shifts", "offsets"))
    if tables or not double_rounding(struct, 26):
        return None
    f = {name: value for name, value in r.fields.items() if isinstance(value, int)}
    zeros = [zero for zero in zero_points if isinstance(zero, int)]
    ends = [a * b for a, b in product(*((-128 - zero, 127 - zero) for zero in zeros))]
    multiplier, shift, low, high = (
        np.array([n], np.int64) for n in (f["multiplier"], f["shift"], min(ends), max(ends))
    )
    return staircase(multiplier, shift, f["zero_point"], low, high)
