"""Formulas of the scratch memory that kernels need, in bytes; tests hold them against the C twins
(``hwk_<name>_scratch_bytes``)."""

from __future__ import annotations

from collections.abc import Callable

from hwkit.targets.mcu.descriptors import (
    channels_in,
    is_3x3,
    number,
    numbers,
    part_columns,
    round_up,
    taps,
    window_of,
)
from hwkit.targets.mcu.structs import Struct


def conv2d(step: int) -> Callable[[Struct], int]:
    """Two widened columns, padded to ``step`` taps, a tile's sums, and a patch of bytes for odd
    channels."""

    def scratch_bytes(struct: Struct) -> int:
        window = window_of(struct)
        channels = number(window, "channels")
        taps = number(window, "kernel_height") * number(window, "kernel_width") * channels
        patch = 0 if channels % 4 == 0 else round_up(taps, 4)
        return 4 * round_up(taps, step) + 16 + patch

    return scratch_bytes


def conv2d_s16(struct: Struct) -> int:
    """Two columns of pairs, and a tile's sums."""
    return 4 * round_up(taps(struct) * channels_in(struct), 4) + 16


def h8_conv2d(struct: Struct) -> int:
    """Four columns of two words for four taps, and a patch of bytes, a word longer, for odd
    channels."""
    channels = number(window_of(struct), "channels")
    padded = round_up(taps(struct) * channels, 4)
    return 8 * padded + (0 if channels % 4 == 0 else padded + 4)


def winograd(tiles: int, rows: int) -> Callable[[Struct], int]:
    """Transformed tiles, the sums of four of them and two channels, and ``rows`` of weights."""

    def scratch_bytes(struct: Struct) -> int:
        words = 16 * channels_in(struct) // 2
        return 4 * (tiles * words + 128 + rows * words)

    return scratch_bytes


def winograd4(struct: Struct) -> int:
    """Two transformed tiles, and their sums with four channels."""
    return 4 * (2 * 36 * channels_in(struct) // 2 + 288)


def winograd4_small(struct: Struct) -> int:
    """Four transformed tiles, half of two channels' weights, and the sums of these."""
    return 4 * (5 * 36 * channels_in(struct) // 2 + 288)


def scalar_winograd4(tiles: int) -> Callable[[Struct], int]:
    """Transformed tiles in 16 bits, and the sums of each with four channels."""
    return lambda struct: 36 * tiles * (2 * channels_in(struct) + 16)


def scalar_winograd4_small(channels: int) -> Callable[[Struct], int]:
    """Four transformed tiles in 16 bits, as many integers of weights as one tile has, and the sums
    of so many output channels."""
    return lambda struct: 36 * (10 * channels_in(struct) + 16 * channels)


def dense(step: int) -> Callable[[Struct], int]:
    """One widened row of the input."""
    return lambda struct: 2 * round_up(number(struct, "input_features"), step)


def matmul(struct: Struct) -> int:
    """One widened row, and the second matrix's columns in groups of four, with an integer each."""
    inner = round_up(number(struct, "inner"), 4)
    return 2 * inner + round_up(number(struct, "columns"), 4) * (4 + inner)


def depthwise(struct: Struct) -> int:
    """3x3: four channels' columns, rows in pairs, and the sums of two output rows. Else strips."""
    f = numbers(window_of(struct))
    return _bands(f) if is_3x3(struct) else _strips(f)


def narrow_depthwise(struct: Struct) -> int:
    """3x3 in parts of a few columns (``ref/hwk_depthwise_part.h``)."""
    return _bands(_part(struct))


def _bands(f: dict[str, int]) -> int:
    outputs = round_up(f["output_width"], 2)
    columns = (outputs - 1) * f["stride_width"] + 3
    return 16 * (f["stride_height"] + 1) * columns + 8 * outputs


def _part(struct: Struct) -> dict[str, int]:
    f = numbers(window_of(struct))
    return {**f, "output_width": min(f["output_width"], part_columns(struct))}


def _strips(f: dict[str, int]) -> int:
    """Strips of four channels, a row of an output's whole fours wide, and a channel's weights."""
    pairs = ((f["kernel_width"] - 1) * f["dilation_width"] + 1) // 2 + 1
    words = (round_up(f["output_width"], 4) - 1) * f["stride_width"] // 2 + pairs
    return f["kernel_height"] * (4 * words + 2 * pairs) * 4


def turned(struct: Struct) -> int:
    """Strips with rows and columns exchanged."""
    f = numbers(window_of(struct))
    return _strips({name: f[_EXCHANGED.get(name, name)] for name in f})


_EXCHANGED = {
    f"{of}_{this}": f"{of}_{other}"
    for of in ("input", "output", "kernel", "stride", "dilation")
    for this, other in (("height", "width"), ("width", "height"))
}


def bands(struct: Struct) -> int:
    """Four channels' columns, six rows in pairs."""
    return 48 * (number(window_of(struct), "output_width") + 2)


def mve_conv2d(struct: Struct) -> int:
    """A column, unless a 1x1 kernel finds every column inside the map."""
    window = window_of(struct)
    f = {name: number(window, name) for name in window.fields}
    taps = f["kernel_height"] * f["kernel_width"]
    last_row = (f["output_height"] - 1) * f["stride_height"] - f["padding_top"]
    last_column = (f["output_width"] - 1) * f["stride_width"] - f["padding_left"]
    inside = (
        f["padding_top"] <= 0
        and f["padding_left"] <= 0
        and last_row < f["input_height"]
        and last_column < f["input_width"]
    )
    return 0 if taps == 1 and inside else round_up(taps * f["channels"], 4)


def mve_pairs(struct: Struct) -> int:
    """Two of them."""
    return 2 * mve_conv2d(struct)


def mve_conv2d_s4(struct: Struct) -> int:
    """A column in whole words of weights."""
    window = window_of(struct)
    taps = number(window, "kernel_height") * number(window, "kernel_width")
    return round_up(taps * number(window, "channels"), 8)


def mve_depthwise(struct: Struct) -> int:
    """Where the taps of a pixel lie, sixteen sums, and a pixel of padding."""
    return 4 * taps(struct) + 64 + number(window_of(struct), "channels")


def mve_blocks(struct: Struct) -> int:
    """Where the taps of a pixel lie, and a pixel of padding."""
    return 4 * taps(struct) + number(window_of(struct), "channels")


def rvv_conv2d(struct: Struct) -> int:
    """Four columns, unless pixels in order are those of the outputs."""
    f = numbers(window_of(struct))
    once = ("kernel_height", "kernel_width", "stride_height", "stride_width")
    whole = f["output_height"] <= f["input_height"] and f["output_width"] == f["input_width"]
    unmoved = f["padding_top"] == f["padding_left"] == 0 and whole
    if unmoved and all(f[name] == 1 for name in once):
        return 0
    return 4 * taps(struct) * f["channels"]


def scalar_depthwise(struct: Struct) -> int:
    """Two output rows of one channel: what the strips are, strips, sums and taps."""
    return _taps(struct, numbers(window_of(struct)))


def narrow_scalar_depthwise(struct: Struct) -> int:
    """The same in parts of a few columns (``ref/hwk_depthwise_part.h``)."""
    return _taps(struct, _part(struct))


def _taps(struct: Struct, f: dict[str, int]) -> int:
    outputs = round_up(f["output_width"], 2)
    columns = outputs + (f["kernel_width"] - 1) * f["dilation_width"] // f["stride_width"]
    strips = f["kernel_height"] * f["stride_width"] * (16 + 8 * columns)
    return strips + 8 * outputs + 8 * round_up(taps(struct), 3)


def rv32_conv2d(step: int) -> Callable[[Struct], int]:
    """Four columns, padded to ``step`` taps, a tile's sums, and a patch of bytes for odd
    channels."""

    def scratch_bytes(struct: Struct) -> int:
        channels = number(window_of(struct), "channels")
        padded = round_up(taps(struct) * channels, step)
        return 4 * padded + 64 + (0 if channels % 4 == 0 else padded)

    return scratch_bytes


def pairs(struct: Struct) -> int:
    """Two columns of pairs, and the outputs of a last tile of fewer pixels."""
    window = window_of(struct)
    padded = round_up(taps(struct) * channels_in(struct), 4)
    rest = number(window, "output_height") * number(window, "output_width") % 4
    return 8 * padded + (round_up(4 * number(struct, "output_channels"), 4) if rest else 0)


def dense_pairs(struct: Struct) -> int:
    """Three words for each four integers of a row."""
    return 3 * round_up(number(struct, "input_features"), 4)


def dense_pairs_s4(struct: Struct) -> int:
    """Five words for each eight integers of a row."""
    return 20 * (round_up(number(struct, "input_features"), 8) // 8)


def add_line(struct: Struct) -> int:
    """A table of each input's integers."""
    return 2048


def byte_map(struct: Struct) -> int:
    """A byte for each byte."""
    return 256


def softmax_kept(struct: Struct) -> int:
    """A word for each difference of two int8 integers."""
    return 1024


def padding_pixel(struct: Struct) -> int:
    """A pixel of padding."""
    return round_up(channels_in(struct), 4)


def v6m_conv2d(step: int) -> Callable[[Struct], int]:
    """Four columns of 32-bit integers, padded to ``step`` taps, and a tile's sums."""
    return lambda struct: (
        16 * round_up(taps(struct) * number(window_of(struct), "channels"), step) + 16
    )


def v6m_dense(step: int) -> Callable[[Struct], int]:
    """One row of 32-bit integers."""
    return lambda struct: 4 * round_up(number(struct, "input_features"), step)


def strips(struct: Struct) -> int:
    """Strips as they lie, for windows that are not 3x3."""
    return _strips(numbers(window_of(struct)))


def mve_dense_s4(struct: Struct) -> int:
    """A row in whole words of weights."""
    return round_up(number(struct, "input_features"), 8)
