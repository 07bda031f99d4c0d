"""What a file computes of shapes, computed beforehand.

A converter that was not told the batch writes operators that read a shape, reckon with it and give
it to a RESHAPE or FILL, and declares what hangs on it with sizes of 1. For a batch of 1 all that is
constant. Sizes that are declared rightly stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod

import numpy as np

from hwkit.importers.tflite.file import (
    INT8,
    INT16,
    INT32,
    INT64,
    FileOperator,
    FileTensor,
    TfliteFile,
)
from hwkit.ir.types import Array, Shape

_LONGEST = 64
"""Entries of a tensor that is taken for a shape."""
_LARGEST_FILL = 1 << 20
_LIKE_THEIR_INPUT = frozenset(
    ("HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "QUANTIZE", "RELU", "RELU6", "SOFTMAX", "TANH")
)

_Known = list[Array]


def with_static_shapes(file: TfliteFile) -> TfliteFile:
    """``file`` with the values of what only reckons with shapes, and with true shapes."""
    tensors = list(file.tensors)
    for op in file.operators:
        if len(op.outputs) == 1 and op.outputs[0] >= 0 and op.inputs and op.inputs[0] >= 0:
            tensors[op.outputs[0]] = _folded(tensors, op, tensors[op.outputs[0]])
    return replace(file, tensors=tuple(tensors))


def _folded(tensors: list[FileTensor], op: FileOperator, output: FileTensor) -> FileTensor:
    """The output with its value, or with a shape that goes with the inputs' shapes."""
    inputs = [tensors[index] for index in op.inputs if index >= 0]
    known = [tensor.data for tensor in inputs if tensor.data is not None]
    if op.code == "SHAPE":
        value: Array | None = np.array(inputs[0].shape)
    elif op.code == "DENSIFY":
        value = inputs[0].data
    elif op.code == "FILL" and output.type in (INT8, INT16) and len(known) == 2:
        return _filled(known, output)
    elif output.type in (INT32, INT64) and op.code in _FOLDS and len(known) == len(op.inputs):
        value = None if any(data.size > _LONGEST for data in known) else _value(op, known)
    else:
        shape = _shape(op, inputs)
        fits = shape is None or prod(shape) == prod(output.shape)
        return output if fits or shape is None else replace(output, shape=shape)
    return output if value is None else replace(output, shape=value.shape, data=value)


def _filled(known: _Known, output: FileTensor) -> FileTensor:
    sizes = known[0].reshape(-1).tolist()
    if known[1].size != 1 or min(sizes, default=0) < 1 or prod(sizes) > _LARGEST_FILL:
        return output
    data = np.full(sizes, known[1].reshape(-1)[0])
    return replace(output, shape=tuple(sizes), data=data)


def _value(op: FileOperator, known: _Known) -> Array | None:
    try:
        return np.asarray(_FOLDS[op.code](known, op), np.int64)
    except (ValueError, IndexError, TypeError):
        # Operands that do not fit together: whoever needs the result will say so.
        return None


def _sliced(known: _Known, op: FileOperator) -> Array | None:
    data, begin, end, stride = known
    if data.ndim != 1 or begin.size != 1 or end.size != 1 or stride.size != 1:
        return None
    if op.options["ellipsis_mask"] or op.options["new_axis_mask"] or op.options["offset"]:
        return None
    first = None if op.options["begin_mask"] else int(begin.item())
    last = None if op.options["end_mask"] else int(end.item())
    shrink = bool(op.options["shrink_axis_mask"])
    part: Array = data[int(begin.item())] if shrink else data[first : last : int(stride.item())]
    return part


def _joined(known: _Known, op: FileOperator) -> Array | None:
    return np.concatenate(known) if all(data.ndim == 1 for data in known) else None


def _gathered(known: _Known, op: FileOperator) -> Array | None:
    return known[0][known[1]] if known[0].ndim == 1 and (known[1] >= 0).all() else None


def _viewed(known: _Known, op: FileOperator) -> Array | None:
    shape = _reshaped(known[0].shape, known[1])
    return None if shape is None else known[0].reshape(shape)


_FOLDS: dict[str, Callable[[_Known, FileOperator], object]] = {
    "ADD": lambda known, op: known[0] + known[1],
    "CAST": lambda known, op: known[0],
    "CONCATENATION": _joined,
    "GATHER": _gathered,
    "MUL": lambda known, op: known[0] * known[1],
    "PACK": lambda known, op: np.stack(known) if known[0].ndim == 0 else None,
    "REDUCE_PROD": lambda known, op: np.prod(known[0]) if known[0].ndim == 1 else None,
    "RESHAPE": _viewed,
    "STRIDED_SLICE": _sliced,
    "SUB": lambda known, op: known[0] - known[1],
}


def _shape(op: FileOperator, inputs: list[FileTensor]) -> Shape | None:
    """The shape of the output by those of the inputs; None where nothing is known of it."""
    if op.code == "RESHAPE" and len(inputs) == 2 and inputs[1].data is not None:
        return _reshaped(inputs[0].shape, inputs[1].data)
    if op.code == "FULLY_CONNECTED" and len(inputs) > 1 and len(inputs[1].shape) == 2:
        outputs, width = inputs[1].shape
        return (prod(inputs[0].shape) // width, outputs) if width else None
    if op.code in _LIKE_THEIR_INPUT:
        return inputs[0].shape
    return None


def _reshaped(before: Shape, sizes: Array) -> Shape | None:
    if sizes.dtype.kind not in "iu":
        return None
    shape = [int(size) for size in sizes.reshape(-1)[:_LONGEST]]
    if shape.count(-1) == 1:
        rest = prod(size for size in shape if size != -1)
        if rest < 1 or prod(before) % rest:
            return None
        shape[shape.index(-1)] = prod(before) // rest
    good = all(size > 0 for size in shape) and prod(shape) == prod(before)
    return tuple(shape) if good else None
