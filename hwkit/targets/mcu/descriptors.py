"""Numbers out of a kernel's descriptor."""

from __future__ import annotations

from hwkit.targets.mcu.structs import Struct


def round_up(size: int, step: int) -> int:
    """The next multiple of ``step``. Example: ``round_up(5, 4) == 8``."""
    return -(-size // step) * step


def number(struct: Struct, name: str) -> int:
    """The integer field ``name``."""
    value = struct.fields[name]
    assert isinstance(value, int)
    return value


def numbers(struct: Struct) -> dict[str, int]:
    """All fields of a descriptor that has integers alone."""
    return {name: number(struct, name) for name in struct.fields}


def window_of(struct: Struct) -> Struct:
    """The window of a convolution or a pool."""
    window = struct.fields["window"]
    assert isinstance(window, Struct)
    return window


def taps(struct: Struct) -> int:
    """Of the window of a descriptor."""
    window = window_of(struct)
    return number(window, "kernel_height") * number(window, "kernel_width")


def channels_in(struct: Struct) -> int:
    """Of the map under the window of a descriptor."""
    return number(window_of(struct), "channels")


def is_3x3(struct: Struct) -> bool:
    """Whether dsp's depthwise convolution takes its algorithm for 3x3 windows, with a layout of
    weights and an order of its own (``dsp/hwk_depthwise_3x3.h``)."""
    f = numbers(window_of(struct))
    kernel = f["kernel_height"], f["kernel_width"]
    dilation = f["dilation_height"], f["dilation_width"]
    return kernel == (3, 3) and dilation == (1, 1) and f["stride_height"] == f["stride_width"] <= 2


def part_columns(struct: Struct) -> int:
    """The most output columns of a part of a depthwise layer (``ref/hwk_depthwise_part.h``)."""
    return 8 if number(window_of(struct), "stride_width") == 1 else 4
