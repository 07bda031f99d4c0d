"""Dilated convolutions that a converter wrote as SPACE_TO_BATCH_ND, convolution, BATCH_TO_SPACE_ND.

The first deals the places of a map out to as many batches as the dilation has offsets, the last
puts them back: between them, neighbours are what lies one dilation apart.

Borders have the input's zero point, as in TensorFlow Lite. TFLM's SPACE_TO_BATCH_ND puts there what
it finds in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwkit.importers.tflite.file import FileOperator, TfliteFile
from hwkit.ir.tflite import same_padding

_SAME = 0
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")
_VIEWS = ("RESHAPE", "EXPAND_DIMS", "SQUEEZE")
"""What stands between the three when the map is a line: an axis of 1 more, and less."""

_Numbered = tuple[int, FileOperator]
_Borders = list[tuple[int, int]]


def with_dilations(file: TfliteFile, operators: Sequence[_Numbered]) -> list[_Numbered]:
    """``operators`` with the last of each such chain replaced by one convolution that has the
    dilation, and ``pad_top``, ``pad_bottom``, ``pad_left``, ``pad_right`` among its options; the
    others of the chain stay. A chain of another form stays as it is."""
    makers = {index: op for _, op in operators for index in op.outputs}
    return [
        (position, _merged(file, makers, op) if op.code == "BATCH_TO_SPACE_ND" else op)
        for position, op in operators
    ]


def _merged(
    file: TfliteFile, makers: dict[int, FileOperator], collect: FileOperator
) -> FileOperator:
    """The convolution in place of ``collect``, or ``collect`` where there is none."""
    conv = _maker(makers, collect)
    deal = None if conv is None or conv.code not in _CONVOLUTIONS else _maker(makers, conv)
    if conv is None or deal is None or deal.code != "SPACE_TO_BATCH_ND":
        return collect
    borders = _borders(file, deal, conv, collect)
    if borders is None:
        return collect
    (top, bottom), (left, right) = borders
    blocks = _integers(file, deal, 1)
    options = {**conv.options, "dilation_h": ([1, *blocks])[-2], "dilation_w": blocks[-1]}
    options |= {"pad_top": top, "pad_bottom": bottom, "pad_left": left, "pad_right": right}
    inputs = (deal.inputs[0], *conv.inputs[1:])
    return replace(conv, inputs=inputs, outputs=collect.outputs, options=options)


def _maker(makers: dict[int, FileOperator], op: FileOperator) -> FileOperator | None:
    """What computes the first input of ``op``, views left out."""
    found = makers.get(op.inputs[0]) if op.inputs else None
    for _ in _VIEWS:
        if found is not None and found.code in _VIEWS and found.inputs:
            found = makers.get(found.inputs[0])
    return found


def _borders(
    file: TfliteFile, deal: FileOperator, conv: FileOperator, collect: FileOperator
) -> _Borders | None:
    """Zeros around the map's rows and columns; None where the chain is no dilated convolution."""
    blocks, pads = _integers(file, deal, 1), _integers(file, deal, 2)
    crops = _integers(file, collect, 2)
    spots = [f"{what}_{side}" for what in ("stride", "dilation") for side in "hw"]
    form = file.tensors[conv.inputs[1]].shape if len(conv.inputs) > 1 else ()
    lines = 2 - len(blocks)
    if (
        lines not in (0, 1)
        or min(blocks) < 1
        or blocks != _integers(file, collect, 1)
        or not len(pads) == len(crops) == 2 * len(blocks)
        or any(conv.options[spot] != 1 for spot in spots)
        or len(form) != 4
        or form[1 : 1 + lines] != (1,) * lines
        or _facts(file, conv) != _facts(file, collect)
    ):
        return None
    kept = [a - b for a, b in zip(pads, crops, strict=True)]
    borders = [(0, 0)] * lines + list(zip(kept[::2], kept[1::2], strict=True))
    if conv.options["padding"] == _SAME:
        steps = [1] * lines + blocks
        borders = [_widened(*of) for of in zip(borders, steps, form[1:3], strict=True)]
    return borders if min(min(border) for border in borders) >= 0 else None


def _widened(border: tuple[int, int], step: int, kernel: int) -> tuple[int, int]:
    """``border`` and what SAME adds to it in each batch, for a stride of 1."""
    before, after = same_padding(kernel, kernel, 1)
    return border[0] + step * before, border[1] + step * after


def _integers(file: TfliteFile, op: FileOperator, place: int) -> list[int]:
    index = op.inputs[place] if len(op.inputs) > place else -1
    data = file.tensors[index].data if index >= 0 else None
    return [] if data is None else [int(value) for value in data.reshape(-1)]


def _facts(file: TfliteFile, op: FileOperator) -> tuple[object, ...]:
    tensor = file.tensors[op.outputs[0]]
    return tensor.type, tensor.scale, tensor.zero_point
