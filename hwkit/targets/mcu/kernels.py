"""The kernels that a board's build finds, and the scratch memory that each needs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hwkit import resources
from hwkit.boards import McuBoard
from hwkit.errors import ConfigError
from hwkit.targets.mcu.structs import Enumerator, Struct, Table

_LINE = re.compile(r"^HWK_KERNEL\((\w+), (\w+), (\d)\)$", re.MULTILINE)
_ALTERNATIVE = re.compile(r"^HWK_ALTERNATIVE\((\w+), (\w+)\)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Kernel:
    """``hwk_<name>`` with a descriptor ``hwk_<descriptor>_t`` and 1 or 2 inputs; ``variant`` is
    the folder of ``firmware/kernels`` that it is taken from, ``suffix`` what its name has more in
    a build that has a better variant of it."""

    name: str
    descriptor: str
    inputs: int
    variant: str
    suffix: str = ""

    @property
    def symbol(self) -> str:
        """Its name in a build: ``conv2d_s8``, or ``conv2d_s8_ref`` beside that."""
        return self.name + self.suffix

    @property
    def path(self) -> Path:
        """The header that defines it."""
        return root() / self.variant / f"hwk_{self.name}.h"

    def fits(self, descriptor: Struct) -> bool:
        """Whether it computes what ``descriptor`` says."""
        condition = _FITS.get((self.variant, self.name))
        return condition is None or condition(descriptor)

    def scratch_bytes(self, descriptor: Struct) -> int:
        """What ``hwk_<name>_scratch_bytes`` gives for ``descriptor``."""
        formula = _SCRATCH_BYTES.get((self.variant, self.name))
        return 0 if formula is None else formula(descriptor)


def root() -> Path:
    """The folder of the variants' folders."""
    return resources.folder("firmware") / "kernels"


def listed() -> tuple[tuple[str, str, int], ...]:
    """Name, descriptor and number of inputs of every kernel, in the order of kernels.inc."""
    text = (root() / "kernels.inc").read_text()
    return tuple((name, descriptor, int(n)) for name, descriptor, n in _LINE.findall(text))


def alternatives() -> tuple[tuple[str, str], ...]:
    """Kernels that compute the same as another one: pairs of the other's name and their own, in
    the order of kernels.inc."""
    return tuple(_ALTERNATIVE.findall((root() / "kernels.inc").read_text()))


def available(board: McuBoard) -> dict[str, Kernel]:
    """Every kernel by name, from the first of the board's folders that has it.

    ``ConfigError`` when one is in none of them.
    """
    return {name: found[0] for name, found in implementations(board).items()}


def implementations(board: McuBoard) -> dict[str, tuple[Kernel, ...]]:
    """By kernel: every implementation in the board's folders. The first is the one for all
    layers; others compute the same integers and may be better for some (``Kernel.fits``).

    Example: on a Cortex-M4 ``dense_s8`` has that of ``dsp`` and, as ``dense_s8_ref``, the
    definition.
    """
    return {name: _implementations(board, name, d, n) for name, d, n in listed()}


def _implementations(
    board: McuBoard, name: str, descriptor: str, inputs: int
) -> tuple[Kernel, ...]:
    own = [Kernel(name, descriptor, inputs, v) for v in board.kernels]
    own = [kernel for kernel in own if kernel.path.is_file()]
    if not own:
        raise ConfigError(
            f"kernel hwk_{name}: in none of the board's folders {', '.join(board.kernels)}; "
            "add 'ref' to its kernels"
        )
    others: list[Kernel] = []
    for alternative in (other for of, other in alternatives() if of == name):
        found = [Kernel(alternative, descriptor, inputs, v) for v in board.kernels]
        others += [kernel for kernel in found if kernel.path.is_file()][:1]
    others += [replace(kernel, suffix=f"_{kernel.variant}") for kernel in own[1:]]
    return own[0], *others


def _round_up(size: int, step: int) -> int:
    return -(-size // step) * step


def _number(struct: Struct, name: str) -> int:
    value = struct.fields[name]
    assert isinstance(value, int)
    return value


def _window(struct: Struct) -> Struct:
    window = struct.fields["window"]
    assert isinstance(window, Struct)
    return window


def _conv2d(step: int) -> Callable[[Struct], int]:
    """Two widened columns, padded to ``step`` taps, a tile's sums, and a patch of bytes for odd
    channels."""

    def scratch_bytes(struct: Struct) -> int:
        window = _window(struct)
        channels = _number(window, "channels")
        taps = _number(window, "kernel_height") * _number(window, "kernel_width") * channels
        patch = 0 if channels % 4 == 0 else _round_up(taps, 4)
        return 4 * _round_up(taps, step) + 16 + patch

    return scratch_bytes


def _conv2d_s16(struct: Struct) -> int:
    """Two columns of pairs, and a tile's sums."""
    return 4 * _round_up(taps(struct) * channels_in(struct), 4) + 16


def _h8_conv2d(struct: Struct) -> int:
    """Four columns of two words for four taps, and a patch of bytes for odd channels."""
    channels = _number(_window(struct), "channels")
    padded = _round_up(taps(struct) * channels, 4)
    return 8 * padded + (0 if channels % 4 == 0 else padded)


def _winograd(tiles: int, rows: int) -> Callable[[Struct], int]:
    """Transformed tiles, the sums of four of them and two channels, and ``rows`` of weights."""

    def scratch_bytes(struct: Struct) -> int:
        words = 16 * channels_in(struct) // 2
        return 4 * (tiles * words + 128 + rows * words)

    return scratch_bytes


def _winograd4(struct: Struct) -> int:
    """Two transformed tiles, and their sums with four channels."""
    return 4 * (2 * 36 * channels_in(struct) // 2 + 288)


def _winograd4_small(struct: Struct) -> int:
    """Four transformed tiles, half of two channels' weights, and the sums of these."""
    return 4 * (5 * 36 * channels_in(struct) // 2 + 288)


def _scalar_winograd4(struct: Struct) -> int:
    """A transformed tile in 16 bits, and its sums with four channels."""
    return 36 * (2 * channels_in(struct) + 16)


def _dense(step: int) -> Callable[[Struct], int]:
    """One widened row of the input."""
    return lambda struct: 2 * _round_up(_number(struct, "input_features"), step)


def is_3x3(struct: Struct) -> bool:
    """Whether dsp's depthwise convolution takes its algorithm for 3x3 windows, with a layout of
    weights and an order of its own (``dsp/hwk_depthwise_3x3.h``)."""
    f = _numbers(_window(struct))
    kernel = f["kernel_height"], f["kernel_width"]
    dilation = f["dilation_height"], f["dilation_width"]
    return kernel == (3, 3) and dilation == (1, 1) and f["stride_height"] == f["stride_width"] <= 2


def taps(struct: Struct) -> int:
    """Of the window of a descriptor."""
    return _number(_window(struct), "kernel_height") * _number(_window(struct), "kernel_width")


def channels_in(struct: Struct) -> int:
    """Of the map under the window of a descriptor."""
    return _number(_window(struct), "channels")


def _numbers(struct: Struct) -> dict[str, int]:
    return {name: _number(struct, name) for name in struct.fields}


def _depthwise(struct: Struct) -> int:
    """3x3: four channels' columns, rows in pairs, and the sums of two output rows. Else strips."""
    f = _numbers(_window(struct))
    if is_3x3(struct):
        outputs = _round_up(f["output_width"], 2)
        columns = (outputs - 1) * f["stride_width"] + 3
        return 16 * (f["stride_height"] + 1) * columns + 8 * outputs
    return _strips(f)


def _strips(f: dict[str, int]) -> int:
    """Strips of four channels, a row of an output's whole fours wide, and a channel's weights."""
    pairs = ((f["kernel_width"] - 1) * f["dilation_width"] + 1) // 2 + 1
    words = (_round_up(f["output_width"], 4) - 1) * f["stride_width"] // 2 + pairs
    return f["kernel_height"] * (4 * words + 2 * pairs) * 4


def _turned(struct: Struct) -> int:
    """Strips with rows and columns exchanged."""
    f = _numbers(_window(struct))
    return _strips({name: f[_EXCHANGED.get(name, name)] for name in f})


_EXCHANGED = {
    f"{of}_{this}": f"{of}_{other}"
    for of in ("input", "output", "kernel", "stride", "dilation")
    for this, other in (("height", "width"), ("width", "height"))
}


def _bands(struct: Struct) -> int:
    """Four channels' columns, six rows in pairs."""
    return 48 * (_number(_window(struct), "output_width") + 2)


def _mve_conv2d(struct: Struct) -> int:
    """A column, unless a 1x1 kernel finds every column inside the map."""
    window = _window(struct)
    f = {name: _number(window, name) for name in window.fields}
    taps = f["kernel_height"] * f["kernel_width"]
    last_row = (f["output_height"] - 1) * f["stride_height"] - f["padding_top"]
    last_column = (f["output_width"] - 1) * f["stride_width"] - f["padding_left"]
    inside = (
        f["padding_top"] <= 0
        and f["padding_left"] <= 0
        and last_row < f["input_height"]
        and last_column < f["input_width"]
    )
    return 0 if taps == 1 and inside else _round_up(taps * f["channels"], 4)


def _mve_conv2d_s4(struct: Struct) -> int:
    """A column in whole words of weights."""
    window = _window(struct)
    taps = _number(window, "kernel_height") * _number(window, "kernel_width")
    return _round_up(taps * _number(window, "channels"), 8)


def _mve_depthwise(struct: Struct) -> int:
    """Where the taps of a pixel lie, sixteen sums, and a pixel of padding."""
    return 4 * taps(struct) + 64 + _number(_window(struct), "channels")


def _scalar_depthwise(struct: Struct) -> int:
    """Two output rows of one channel: what the strips are, strips, sums and taps."""
    f = _numbers(_window(struct))
    outputs = _round_up(f["output_width"], 2)
    columns = outputs + (f["kernel_width"] - 1) * f["dilation_width"] // f["stride_width"]
    strips = f["kernel_height"] * f["stride_width"] * (16 + 8 * columns)
    return strips + 8 * outputs + 8 * _round_up(taps(struct), 3)


def _rv32_conv2d(step: int) -> Callable[[Struct], int]:
    """Four columns, padded to ``step`` taps, a tile's sums, and a patch of bytes for odd
    channels."""

    def scratch_bytes(struct: Struct) -> int:
        channels = _number(_window(struct), "channels")
        padded = _round_up(taps(struct) * channels, step)
        return 4 * padded + 64 + (0 if channels % 4 == 0 else padded)

    return scratch_bytes


def _v6m_conv2d(step: int) -> Callable[[Struct], int]:
    """Four columns of 32-bit integers, padded to ``step`` taps, and a tile's sums."""
    return lambda struct: (
        16 * _round_up(taps(struct) * _number(_window(struct), "channels"), step) + 16
    )


def _v6m_dense(step: int) -> Callable[[Struct], int]:
    """One row of 32-bit integers."""
    return lambda struct: 4 * _round_up(_number(struct, "input_features"), step)


_SCRATCH_BYTES: dict[tuple[str, str], Callable[[Struct], int]] = {
    ("dsp", "conv2d_s8"): _conv2d(4),
    ("dsp", "conv2d_s8_s4"): _conv2d(8),
    ("dsp", "conv2d_s8_h8"): _h8_conv2d,
    ("dsp", "conv2d_s8_winograd"): _winograd(4, 0),
    ("dsp", "conv2d_s8_winograd_small"): _winograd(8, 2),
    ("dsp", "conv2d_s8_winograd4"): _winograd4,
    ("dsp", "conv2d_s8_winograd4_small"): _winograd4_small,
    ("dsp", "depthwise_conv2d_s8"): _depthwise,
    ("dsp", "depthwise_conv2d_s8_bands"): _bands,
    ("dsp", "depthwise_conv2d_s8_turned"): _turned,
    ("dsp", "dense_s8"): _dense(4),
    ("dsp", "dense_s8_s4"): _dense(8),
    ("dsp", "dense_s8_h8"): _dense(4),
    ("dsp", "conv2d_s16"): _conv2d_s16,
    ("dsp", "depthwise_conv2d_s16"): lambda struct: _strips(_numbers(_window(struct))),
    ("dsp", "depthwise_conv2d_s16_turned"): _turned,
    ("dsp", "dense_s16"): _dense(4),
    ("v6m", "conv2d_s8"): _v6m_conv2d(4),
    ("v6m", "conv2d_s8_s4"): _v6m_conv2d(8),
    ("v6m", "dense_s8"): _v6m_dense(4),
    ("v6m", "dense_s8_s4"): _v6m_dense(8),
    ("rv32", "conv2d_s8"): _rv32_conv2d(4),
    ("rv32", "conv2d_s8_s4"): _rv32_conv2d(8),
    ("scalar", "depthwise_conv2d_s8"): _scalar_depthwise,
    ("scalar", "conv2d_s8_winograd4"): _scalar_winograd4,
    ("mve", "conv2d_s8"): _mve_conv2d,
    ("mve", "conv2d_s8_s4"): _mve_conv2d_s4,
    ("mve", "depthwise_conv2d_s8"): _mve_depthwise,
    ("mve", "dense_s8_s4"): lambda struct: _round_up(_number(struct, "input_features"), 8),
}
"""Formulas of the kernels that need any; tests hold them against the C twins."""


def _fits_double_rounding(struct: Struct, bits: int) -> bool:
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


def _fits_h8(struct: Struct) -> bool:
    """Sums below 2**23, no weight of -128 (``dsp/hwk_h8.h``)."""
    weights = struct.fields["weights"]
    assert isinstance(weights, Table)
    return _fits_double_rounding(struct, 24) and int(weights.values.min()) > -128


def _fits_winograd(struct: Struct) -> bool:
    """3x3 at a stride of 1; fours of channels, so few that sums times 4 fit 32 bits
    (``dsp/hwk_winograd.h``)."""
    f = _numbers(_window(struct))
    square = f["kernel_height"] == f["kernel_width"] == 3
    steps = ("stride_height", "stride_width", "dilation_height", "dilation_width")
    single = all(f[name] == 1 for name in steps)
    return square and single and f["channels"] % 8 == 0 and f["channels"] <= 3640


def _fits_winograd4(struct: Struct) -> bool:
    """Sums below 2**25 (``dsp/hwk_winograd4.h``)."""
    return _fits_winograd(struct) and _fits_double_rounding(struct, 26)


def _fits_bands(struct: Struct) -> bool:
    """3x3 at a stride of 1, fours of channels with one output for each, sums below 2**30
    (``dsp/hwk_depthwise_conv2d_s8_bands.h``)."""
    fours = channels_in(struct) % 4 == 0 and _number(struct, "channel_multiplier") == 1
    single = _number(_window(struct), "stride_height") == 1
    return is_3x3(struct) and single and fours and _fits_double_rounding(struct, 31)


def _fits_turned(struct: Struct) -> bool:
    """A map and a kernel of one column (``dsp/hwk_depthwise_conv2d_s8_turned.h``)."""
    f = _numbers(_window(struct))
    return f["input_width"] == f["output_width"] == f["kernel_width"] == 1 < f["kernel_height"]


_FITS: dict[tuple[str, str], Callable[[Struct], bool]] = {
    ("dsp", "conv2d_s8_winograd"): _fits_winograd,
    ("dsp", "conv2d_s8_winograd_small"): _fits_winograd,
    ("dsp", "conv2d_s8_winograd4"): _fits_winograd4,
    ("dsp", "conv2d_s8_winograd4_small"): _fits_winograd4,
    ("dsp", "conv2d_s8_h8"): _fits_h8,
    ("dsp", "depthwise_conv2d_s8_bands"): _fits_bands,
    ("dsp", "depthwise_conv2d_s8_turned"): _fits_turned,
    ("dsp", "depthwise_conv2d_s16_turned"): _fits_turned,
    ("dsp", "dense_s8_h8"): _fits_h8,
    ("scalar", "conv2d_s8_winograd4"): _fits_winograd4,
}
"""Conditions of the kernels that compute only some layers."""
