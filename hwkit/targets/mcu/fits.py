"""Conditions of the kernels that compute only some layers."""

from __future__ import annotations

from hwkit.targets.mcu.descriptors import (
    channels_in,
    is_3x3,
    number,
    numbers,
    part_columns,
    window_of,
)
from hwkit.targets.mcu.rescales import HIGH_SHIFT
from hwkit.targets.mcu.structs import Enumerator, Struct, Table, Value


def double_rounding(struct: Struct, bits: int) -> bool:
    """Double rounding into the whole of int8 by one shift, sums of so many bits."""
    r = struct.fields["rescale"]
    assert isinstance(r, Struct)
    rounding = r.fields["rounding"]
    if not (isinstance(rounding, Enumerator) and rounding.name == "HWK_ROUND_DOUBLE"):
        return False
    f = {name: value for name, value in r.fields.items() if isinstance(value, int)}
    one_shift = f["lowest_shift"] >= 32 and f["highest_shift"] <= 53
    whole = (f["low"], f["high"]) == (-128, 127) and -128 <= f["zero_point"] <= 128
    return one_shift and whole and f["input_bits"] <= bits and f["left_shift"] == 0


def h8(struct: Struct) -> bool:
    """Sums below 2**23, no weight of -128 (``dsp/hwk_h8.h``)."""
    return double_rounding(struct, 24) and _is_symmetric(struct)


def _is_symmetric(struct: Struct) -> bool:
    """No weight of -128."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    return int(weights.values.min()) > -128


def whole_double(struct: Struct) -> bool:
    """Double rounding into the whole of int8 (``mve/hwk_tile_4x2.h``)."""
    return double_rounding(struct, 32)


def winograd(struct: Struct) -> bool:
    """3x3 at a stride of 1; fours of channels, so few that sums times 4 fit 32 bits
    (``dsp/hwk_winograd.h``)."""
    f = numbers(window_of(struct))
    square = f["kernel_height"] == f["kernel_width"] == 3
    steps = ("stride_height", "stride_width", "dilation_height", "dilation_width")
    single = all(f[name] == 1 for name in steps)
    return square and single and f["channels"] % 8 == 0 and f["channels"] <= 3640


def winograd4(struct: Struct) -> bool:
    """Sums below 2**25 (``dsp/hwk_winograd4.h``)."""
    return winograd(struct) and double_rounding(struct, 26)


def bands(struct: Struct) -> bool:
    """3x3 at a stride of 1, fours of channels with one output for each, sums below 2**30
    (``dsp/hwk_depthwise_conv2d_s8_bands.h``)."""
    fours = channels_in(struct) % 4 == 0 and number(struct, "channel_multiplier") == 1
    single = number(window_of(struct), "stride_height") == 1
    return is_3x3(struct) and single and fours and double_rounding(struct, 31)


def blocks(struct: Struct) -> bool:
    """One output for each channel, no weight of -128
    (``mve/hwk_depthwise_conv2d_s8_blocks.h``)."""
    single = number(struct, "channel_multiplier") == 1
    return single and whole_double(struct) and _is_symmetric(struct)


def lanes(struct: Struct) -> bool:
    """Rescales that the high words of products decide (``rvv/hwk_rescale_vector.h``)."""
    inputs = struct.fields.get("input_rescales", ())
    assert isinstance(inputs, tuple)
    return all(_by_high_words(r) for r in (struct.fields["rescale"], *inputs))


def single_lanes(struct: Struct) -> bool:
    """The same, one output for each channel."""
    return number(struct, "channel_multiplier") == 1 and lanes(struct)


def _by_high_words(r: Value) -> bool:
    assert isinstance(r, Struct)
    rounding = r.fields["rounding"]
    assert isinstance(rounding, Enumerator)
    if rounding.name in ("HWK_ROUND_NONE", "HWK_ROUND_DOUBLE"):
        return True
    floor = r.fields["offsets"] is None or rounding.name == "HWK_ROUND_FLOOR"
    return floor and number(r, "lowest_shift") >= HIGH_SHIFT


def narrow(struct: Struct) -> bool:
    """More columns than a part has (``ref/hwk_depthwise_part.h``)."""
    return number(window_of(struct), "output_width") > part_columns(struct)


def narrow_3x3(struct: Struct) -> bool:
    """3x3 of more columns than a part has (``dsp/hwk_depthwise_conv2d_s8_narrow.h``)."""
    return is_3x3(struct) and narrow(struct)


def turned(struct: Struct) -> bool:
    """A map and a kernel of one column (``dsp/hwk_depthwise_conv2d_s8_turned.h``)."""
    f = numbers(window_of(struct))
    return f["input_width"] == f["output_width"] == f["kernel_width"] == 1 < f["kernel_height"]
