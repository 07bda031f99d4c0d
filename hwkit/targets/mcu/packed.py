"""Calls whose integers are packed: a few rows, or elements, are unpacked at a time, computed by a
kernel of whole bytes, and packed (``hwk_packing.h``, docs/adr/0023).

What a call becomes depends on the kernel that was picked: that says how weights lie, how much
scratch it needs and how many rows it wants at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import lcm

from hwkit.ir.storage import Storage
from hwkit.targets.mcu.call import Call, Fields
from hwkit.targets.mcu.descriptors import channels_in, number, numbers, round_up, window_of
from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.packed_weights import Weights, weights_of
from hwkit.targets.mcu.structs import Struct

_WINDOWS = ("conv2d", "depthwise_conv2d", "sum_pool", "pool")
_ELEMENTS = ("requantize", "clamp", "lookup", "add")
MOVES = ("pad", "concat", "gather")
"""Descriptors of what moves integers as they lie, without a kernel."""

FORMS = (*_WINDOWS, "dense", *_ELEMENTS, *MOVES)
"""Descriptors that have a packed form, ``hwk_packed_<descriptor>``."""

_OUTPUTS = 16
"""Of a band, at least: kernels compute up to four of a row at once."""
_AMORTIZED = 48
"""The same where each band unpacks all weights."""
_ELEMENTS_AT_ONCE = 64
"""At least."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A call in the form that runs, the scratch that it needs in all, and by how many bytes its
    output may start before its first input (None where they lie apart)."""

    call: Call
    scratch_bytes: int
    ahead_bytes: int | None


@dataclass(frozen=True, slots=True)
class _Band:
    """Output rows ``first`` .. ``end - 1`` and the rows of the input under them, as ``hwk_band``
    has them: ``padding`` above."""

    first: int
    end: int
    input_first: int
    input_end: int
    padding: int

    @property
    def kind(self) -> tuple[int, int, int]:
        """What the kernel sees of it: rows of the input, rows of the output, padding."""
        return self.input_end - self.input_first, self.end - self.first, self.padding


def fits(call: Call, kernel: Kernel, stored: Mapping[str, Storage], output: str) -> bool:
    """Whether ``kernel`` computes ``call``, which makes ``output``: every band of it, where
    integers are packed."""
    if call.input_bits > kernel.row.input_bits:
        return False
    if kernel.descriptor not in FORMS or not is_narrow(call, stored, output):
        return kernel.fits(call.descriptor)
    return kernel.descriptor in MOVES or _served(call, kernel, stored[output].bits) is not None


def packed(call: Call, kernel: Kernel, stored: Mapping[str, Storage], output: str) -> Packed:
    """``call`` by ``kernel``, which fits; its weights are laid out.

    Example: a 3x3 convolution of a map of s4, 16 x 16 x 8, one row at a time, has three rows of 128
    bytes in its scratch, and the row that it makes.
    """
    bits, to = [stored[name].bits for name in call.inputs], stored[output].bits
    if kernel.descriptor in MOVES and min(*bits, to) < 8:
        return Packed(replace(call, packing=Struct(_fields(bits, to, 0))), 0, None)
    if kernel.descriptor in FORMS and is_narrow(call, stored, output):
        served = _served(call, kernel, to)
        assert served is not None
        weights = weights_of(replace(call, descriptor=served), kernel, _outputs(served, kernel))
        if min(*bits, to, weights.bits) < 8:
            limits = _limits(call.descriptor, served)
            return _in_parts(call, kernel, weights, bits, to, limits)
    placed, ahead = laid_out(call, kernel.row.layout), kernel.row.reads_ahead
    distance = None if ahead is None else ahead(call.descriptor)
    return Packed(placed, kernel.scratch_bytes(call.descriptor), distance)


def is_narrow(call: Call, stored: Mapping[str, Storage], output: str) -> bool:
    """Whether integers that it reads or makes, or its weights, have fewer than 8 bits."""
    names = (*call.inputs, output)
    return call.weight_bits < 8 or any(stored[name].bits < 8 for name in names)


def _in_parts(
    call: Call,
    kernel: Kernel,
    weights: Weights,
    bits: Sequence[int],
    to: int,
    limits: tuple[int, int],
) -> Packed:
    struct, kind = weights.placed, kernel.descriptor
    step = _step(struct, kernel, weights, bits, to)
    taken, made, pixels = _largest(struct, kernel, step, weights.outputs)
    input_bytes = round_up(taken, 4) if min(bits) < 8 else 0
    output_bytes = round_up(made, 4) if to < 8 else 0
    tile_bytes = weights.tile_bytes(pixels)
    inner = max(kernel.scratch_bytes(part) for part in _parts(struct, kernel, step, weights))
    buffers = input_bytes * (sum(b < 8 for b in bits) if kind == "add" else 1)
    scratch = buffers + output_bytes + weights.size_bytes + tile_bytes + inner
    fields = _fields(bits, to, step) | {
        "weight_bits": weights.bits,
        "tile": weights.tile,
        "weight_rows": weights.rows,
        "row_bytes": weights.row_bytes,
        "input_bytes": input_bytes,
        "output_bytes": output_bytes,
        "weight_bytes": weights.size_bytes,
        "tile_bytes": tile_bytes,
        "low": weights.low,
        "high": weights.high,
        "output_low": limits[0],
        "output_high": limits[1],
    }
    varying = _varying(_parts(struct, kernel, step, weights))
    placed = replace(call, descriptor=struct, packing=Struct(fields), varying=varying)
    ahead = _ahead(struct, kernel, step, weights, bits, to)
    return Packed(placed, scratch, ahead)


def _fields(bits: Sequence[int], to: int, step: int) -> Fields:
    """``hwk_packing_t`` without packed weights and without buffers."""
    nothing = ("tile", "weight_rows", "row_bytes", "input_bytes", "output_bytes", "weight_bytes")
    return {
        "input_bits": (bits[0], bits[1] if len(bits) > 1 else 0),
        "output_bits": to,
        "weight_bits": 8,
        "step": step,
        **dict.fromkeys(nothing, 0),
        "tile_bytes": 0,
        "low": 0,
        "high": 0,
        "output_low": -128,
        "output_high": 127,
    }


# What a kernel is asked ----------------------------------------------------------------------


def _served(call: Call, kernel: Kernel, to: int) -> Struct | None:
    """The descriptor that ``kernel`` gets for outputs of ``to`` bits: that of ``call``, or with the
    whole of int8 where that alone fits, since what is packed can be clamped; None where neither
    does."""
    for struct in (call.descriptor, _into_int8(call.descriptor)) if to < 8 else (call.descriptor,):
        if struct is not None and all(
            kernel.fits(one) for one in (struct, *_kinds(struct, kernel))
        ):
            return struct
    return None


def _into_int8(struct: Struct) -> Struct | None:
    r = struct.fields.get("rescale")
    if not isinstance(r, Struct):
        return None
    return Struct({**struct.fields, "rescale": Struct({**r.fields, "low": -128, "high": 127})})


def clamps(call: Call, kernel: Kernel, to: int) -> tuple[int, int]:
    """What outputs of ``call`` by ``kernel``, which fits, are clamped to when they are packed in
    ``to`` bits."""
    served = _served(call, kernel, to)
    assert served is not None
    return _limits(call.descriptor, served)


def _limits(struct: Struct, served: Struct) -> tuple[int, int]:
    """What is packed is clamped to."""
    r = struct.fields.get("rescale")
    if served is struct or not isinstance(r, Struct):
        return -128, 127
    return number(r, "low"), number(r, "high")


def _kinds(struct: Struct, kernel: Kernel) -> list[Struct]:
    """Descriptors of all kinds of bands."""
    if kernel.descriptor not in _WINDOWS:
        return []
    window = window_of(struct)
    step = _rows(window, kernel, _OUTPUTS)
    kinds = sorted({band.kind for band in _bands(window, step)})
    return [_with_rows(struct, kind) for kind in kinds]


def _with_rows(struct: Struct, kind: tuple[int, int, int]) -> Struct:
    rows = dict(zip(("input_height", "output_height", "padding_top"), kind, strict=True))
    window = Struct({**window_of(struct).fields, **rows})
    return Struct({**struct.fields, "window": window})


# Steps ---------------------------------------------------------------------------------------


def _step(struct: Struct, kernel: Kernel, weights: Weights, bits: Sequence[int], to: int) -> int:
    """What is computed at once: rows or elements."""
    whole = min(*bits, to) >= 8 and not weights.tiled
    if kernel.descriptor in _WINDOWS:
        window = window_of(struct)
        if whole:
            return number(window, "output_height")
        return _rows(window, kernel, _AMORTIZED if weights.tiled else _OUTPUTS)
    if kernel.descriptor == "dense":
        rows = number(struct, "rows")
        return min(rows, _AMORTIZED) if weights.tiled else rows if whole else 1
    elements, channels = number(struct, "elements"), struct.fields.get("channels", 1)
    assert isinstance(channels, int)
    unit = lcm(8, channels)
    return min(elements, round_up(_ELEMENTS_AT_ONCE, unit))


def _rows(window: Struct, kernel: Kernel, outputs: int) -> int:
    """Output rows of a band: as many as the kernel computes at once, ``outputs`` at least."""
    rows = -(-outputs // number(window, "output_width"))
    return min(round_up(rows, kernel.row.rows_at_once), number(window, "output_height"))


def _bands(window: Struct, step: int) -> Iterator[_Band]:
    """As ``hwk_packed_bands`` takes them."""
    f = numbers(window)
    height = f["input_height"]
    reach = (f["kernel_height"] - 1) * f["dilation_height"] + 1
    for y in range(0, f["output_height"], step):
        last = min(y + step, f["output_height"])
        first = y * f["stride_height"] - f["padding_top"]
        end = (last - 1) * f["stride_height"] - f["padding_top"] + reach
        start = min(max(first, 0), height - 1)
        padding = start - first if first < height else end - first
        yield _Band(y, last, start, min(max(end, start + 1), height), padding)


def _outputs(struct: Struct, kernel: Kernel) -> int:
    """Output channels of a layer with weights, or of a pool; 0 where there are none."""
    match kernel.descriptor:
        case "conv2d":
            return number(struct, "output_channels")
        case "depthwise_conv2d":
            return channels_in(struct) * number(struct, "channel_multiplier")
        case "dense":
            return number(struct, "output_features")
        case "sum_pool" | "pool":
            return channels_in(struct)
    return 0


def _largest(struct: Struct, kernel: Kernel, step: int, outputs: int) -> tuple[int, int, int]:
    """Integers that a step reads and makes, at most, and its pixels."""
    if kernel.descriptor in _WINDOWS:
        f = numbers(window_of(struct))
        rows = max(band.input_end - band.input_first for band in _bands(window_of(struct), step))
        pixels = step * f["output_width"]
        return rows * f["input_width"] * f["channels"], pixels * outputs, pixels
    if kernel.descriptor == "dense":
        return step * number(struct, "input_features"), step * outputs, step
    return step, step, step


def _parts(struct: Struct, kernel: Kernel, step: int, weights: Weights) -> list[Struct]:
    """The descriptors that the kernel runs with, by all kinds of steps."""
    if kernel.descriptor in _WINDOWS:
        kinds = sorted({band.kind for band in _bands(window_of(struct), step)})
        parts = [_with_rows(struct, kind) for kind in kinds]
    else:
        count = "rows" if kernel.descriptor == "dense" else "elements"
        whole = number(struct, count)
        sizes = sorted({min(step, whole), whole % step or step})
        parts = [Struct({**struct.fields, count: size}) for size in sizes]
    if not weights.tiled:
        return parts
    channels = "output_features" if kernel.descriptor == "dense" else "output_channels"
    tiles = sorted({weights.tile, weights.outputs % weights.tile or weights.tile})
    return [Struct({**part.fields, channels: tile}) for part in parts for tile in tiles]


def _varying(parts: Sequence[Struct]) -> dict[str, tuple[int, ...]]:
    """Every field that a step may change, by its path."""
    names = ("rows", "elements", "output_features", "output_channels")
    found = {
        name: {number(part, name) for part in parts} for name in names if name in parts[0].fields
    }
    if "window" in parts[0].fields:
        for name in ("input_height", "output_height", "padding_top"):
            found[f"window.{name}"] = {number(window_of(part), name) for part in parts}
    return {path: tuple(sorted(values)) for path, values in found.items()}


# Overlaps ------------------------------------------------------------------------------------


def _ahead(
    struct: Struct,
    kernel: Kernel,
    step: int,
    weights: Weights,
    bits: Sequence[int],
    to: int,
) -> int | None:
    """By how many bytes the output may start before the first input: what has been written when a
    step is done may not reach what a later one reads. What is packed has been read, or is written,
    by way of a buffer; else a step writes what it still reads. None where the planner has no use of
    it."""
    if kernel.descriptor in _WINDOWS:
        f = numbers(window_of(struct))
        row, made = f["input_width"] * f["channels"], f["output_width"] * weights.outputs
        bands = list(_bands(window_of(struct), step))
        there = [0, *(band.input_end if bits[0] < 8 else 0 for band in bands)]
        reads = [max(b.input_first, n) * row for b, n in zip(bands, there, strict=False)]
        writes = [band.end * made for band in bands]
    elif kernel.descriptor == "dense":
        rows = number(struct, "rows")
        starts = range(0, rows, step)
        reads = [row * number(struct, "input_features") for row in starts]
        writes = [min(row + step, rows) * weights.outputs for row in starts]
    else:
        return None
    later = reads[1:] if min(bits[0], to) < 8 else reads
    ends = [-(-end * to // 8) for end in writes]
    distances = (end - first * bits[0] // 8 for end, first in zip(ends, later, strict=False))
    return max((0, *distances))
