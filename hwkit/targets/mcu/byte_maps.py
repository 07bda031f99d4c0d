"""Functions of one int8 integer by tables in the order of its byte (``scalar/hwk_map_bytes.h``)."""

from __future__ import annotations

import numpy as np

from hwkit.targets.mcu.descriptors import number
from hwkit.targets.mcu.structs import Struct, Table


def fits_lookup(struct: Struct) -> bool:
    """A byte for each of -128..127."""
    table = struct.fields["table"]
    assert isinstance(table, Table)
    return number(struct, "input_low") == -128 and table.bytes == len(table.values) == 256


def laid_out(struct: Struct, weights: Table) -> Struct:
    """The entries of 0..127 first; ``weights`` are none."""
    table = struct.fields["table"]
    assert isinstance(table, Table)
    turned = Table(table.purpose, np.roll(table.values, -128))
    return Struct({**struct.fields, "table": turned})


def fits_requantize(struct: Struct) -> bool:
    """One factor for all channels, integers of a byte, and a rescale of all 256."""
    r, zero_point = struct.fields["rescale"], number(struct, "input_zero_point")
    assert isinstance(r, Struct)
    most = max(127 - zero_point, 128 + zero_point) << number(r, "left_shift")
    tables = any(isinstance(r.fields[of], Table) for of in ("multipliers", "shifts"))
    by_channel = r.fields["offsets"] is not None and number(r, "offset_step") == 1
    whole = most.bit_length() < number(r, "input_bits")
    return number(r, "output_bytes") == 1 and whole and not tables and not by_channel
