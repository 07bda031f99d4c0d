"""Float islands of one integer: what stands between a DEQUANTIZE and a QUANTIZE, as one table.

Converters leave an operator without an integer form in float, as POW, SIN or a function spelled in
several operators. Where all of it depends on one integer of one tensor, place by place, it is a
function of that integer; its entries are what both runtimes' kernels give in float32.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from hwkit.errors import HwkitError
from hwkit.importers.tflite.context import DTYPES, Context, node_name, tensor_facts
from hwkit.importers.tflite.file import BOOL, FLOAT32, FileOperator, TfliteFile
from hwkit.ir.ops import Lookup
from hwkit.ir.types import Array

TABLE = "FLOAT_ISLAND"
"""What an island is called among operators; the schema has no such one."""

_F = np.float32
_RANGES = {1: (0.0, np.inf), 2: (-1.0, 1.0), 3: (0.0, 6.0)}
"""Fused activation functions by number."""


def _logistic(x: Array) -> Array:
    """As the kernels have it: one branch for what float32 cannot tell from 1, one far below 0."""
    inner = _F(1) / (_F(1) + np.exp(-x))
    return np.where(x > _F(16.619047), _F(1), np.where(x < _F(-9), np.exp(x), inner))


def _clipped(low: float, high: float) -> Callable[[Array], Array]:
    return lambda x: np.clip(x, _F(low), _F(high))


_ONE: Mapping[str, Callable[[Array], Array]] = {
    "ABS": np.abs,
    "CEIL": np.ceil,
    "COS": np.cos,
    "EXP": np.exp,
    "FLOOR": np.floor,
    "HARD_SWISH": lambda x: x * np.clip(x + _F(3), _F(0), _F(6)) / _F(6),
    "LOG": np.log,
    "LOGISTIC": _logistic,
    "NEG": np.negative,
    "RELU": _clipped(0.0, np.inf),
    "RELU6": _clipped(0.0, 6.0),
    "RELU_0_TO_1": _clipped(0.0, 1.0),
    "RELU_N1_TO_1": _clipped(-1.0, 1.0),
    "ROUND": np.rint,
    "RSQRT": lambda x: _F(1) / np.sqrt(x),
    "SIGN": np.sign,
    "SIN": np.sin,
    "SQRT": np.sqrt,
    "SQUARE": np.square,
    "TANH": np.tanh,
}
_TWO: Mapping[str, Callable[[Array, Array], Array]] = {
    "ADD": np.add,
    "DIV": np.divide,
    "MAXIMUM": np.maximum,
    "MINIMUM": np.minimum,
    "MUL": np.multiply,
    "POW": np.power,
    "SQUARED_DIFFERENCE": lambda x, y: np.square(x - y),
    "SUB": np.subtract,
}
ISLANDERS = frozenset((*_ONE, *_TWO, "ELU", "LEAKY_RELU"))
"""Operators of float that may stand in an island."""


class _NoIsland(Exception):
    """The tensor depends on something else than one integer at its own place."""


def with_islands(
    file: TfliteFile, operators: list[tuple[int, FileOperator]]
) -> tuple[list[tuple[int, FileOperator]], dict[int, Array]]:
    """``operators`` (with their positions) with one TABLE in the place of the QUANTIZE behind each
    island, and the tables by position; what is in an island nothing needs then.

    Example: DEQUANTIZE, POW with a constant and QUANTIZE of int8 are a table of 256 entries.
    """
    makers = {index: op for _, op in operators for index in op.outputs}
    found: list[tuple[int, FileOperator]] = []
    tables: dict[int, Array] = {}
    for position, op in operators:
        one = len(op.inputs) == len(op.outputs) == 1 and min(*op.inputs, *op.outputs) >= 0
        if op.code == "QUANTIZE" and one:
            try:
                source, tables[position] = _island(file, makers, op)
                op = replace(op, code=TABLE, inputs=(source,))
            except _NoIsland:
                pass
        found.append((position, op))
    return found, tables


def convert_island(table: Array, context: Context, position: int, op: FileOperator) -> None:
    """A TABLE."""
    name = node_name(position, op)
    dtype = context.dtype(op.outputs[0])
    entries = context.builder.constant(f"{name}/table", table, dtype)
    x, target = context.computed(op.inputs[0]), context.names[op.outputs[0]]
    context.add(op.outputs[0], Lookup(name, x, entries, target))


def converter(table: Array) -> Callable[[Context, int, FileOperator], None]:
    """What makes a TABLE of ``table``."""
    return partial(convert_island, table)


def _island(
    file: TfliteFile, makers: Mapping[int, FileOperator], quantize: FileOperator
) -> tuple[int, Array]:
    """The integer tensor that an island reads, and the table of what it makes of each integer."""
    last, target = quantize.inputs[0], file.tensors[quantize.outputs[0]]
    if last < 0 or file.tensors[last].type != FLOAT32 or target.type not in DTYPES:
        raise _NoIsland
    order = _order(file, makers, last)
    sources = {makers[k].inputs[0] for k in order if makers[k].code == "DEQUANTIZE"}
    if len(sources) != 1 or target.type == BOOL:
        raise _NoIsland
    (source,) = sources
    tensor = file.tensors[source]
    if tensor.type not in DTYPES or tensor.type == BOOL or tensor.shape != target.shape:
        raise _NoIsland
    try:
        before, after = tensor_facts(tensor), tensor_facts(target)
    except HwkitError as error:  # Whoever converts what reads it says so.
        raise _NoIsland from error
    dtype = DTYPES[tensor.type]
    steps = np.arange(dtype.low, dtype.high + 1) - before.zero_point
    reals = (np.float64(before.scale[0]) * steps).astype(_F)
    with np.errstate(all="ignore"):
        values: dict[int, Array] = {}
        for index in order:
            values[index] = _value(file, makers[index], values, reals)
        y = values[last] / _F(after.scale[0])
    if not np.isfinite(y).all():
        raise _NoIsland  # What a kernel makes an integer of then is up to the machine.
    rounded = np.trunc(y.astype(np.float64) + np.copysign(0.5, y)) + after.zero_point
    out = DTYPES[target.type]
    return source, np.clip(rounded, out.low, out.high).astype(out.container)


def _order(file: TfliteFile, makers: Mapping[int, FileOperator], last: int) -> list[int]:
    """The float tensors that ``last`` depends on and that are computed, each behind those it reads;
    ``_NoIsland`` where one is made of anything but numbers and what a DEQUANTIZE gives."""
    order: dict[int, None] = {}
    waiting = [(last, False)]
    while waiting:
        index, is_next = waiting.pop()
        if is_next:
            order[index] = None
        elif index not in order:
            waiting.append((index, True))
            waiting += [(k, False) for k in _reads(file, makers, index)]
    return list(order)


def _reads(file: TfliteFile, makers: Mapping[int, FileOperator], index: int) -> list[int]:
    """The computed float tensors that a computed one is made of."""
    tensor, op = file.tensors[index], makers.get(index)
    if op is None or tensor.type != FLOAT32 or len(op.outputs) != 1:
        raise _NoIsland
    if min(op.inputs, default=-1) < 0:
        raise _NoIsland
    data = [file.tensors[k].data for k in op.inputs]
    if op.code == "DEQUANTIZE" and len(data) == 1 and data[0] is None:
        return []
    if op.code not in ISLANDERS or len(data) != 1 + (op.code in _TWO):
        raise _NoIsland
    fused = int(op.options.get("activation", 0))
    if fused not in (0, *_RANGES) or any(d is not None and d.size != 1 for d in data):
        raise _NoIsland
    if any(file.tensors[k].type != FLOAT32 for k in op.inputs):
        raise _NoIsland
    return [k for k, d in zip(op.inputs, data, strict=True) if d is None]


def _value(file: TfliteFile, op: FileOperator, values: Mapping[int, Array], reals: Array) -> Array:
    """What ``op`` gives for each integer of the source, whose ``reals`` these are."""
    if op.code == "DEQUANTIZE":
        return reals
    parts = [
        values[k] if (d := file.tensors[k].data) is None else np.asarray(d, _F).reshape(())
        for k in op.inputs
    ]
    match op.code:
        case "ELU":
            y = np.where(parts[0] < 0, np.expm1(parts[0]), parts[0])
        case "LEAKY_RELU":
            y = np.where(parts[0] > 0, parts[0], parts[0] * _F(op.options["alpha"]))
        case code if code in _ONE:
            y = _ONE[code](parts[0])
        case code:
            y = _TWO[code](*parts)
    limits = _RANGES.get(int(op.options.get("activation", 0)))
    y = np.asarray(y, _F)
    return y if limits is None else np.clip(y, _F(limits[0]), _F(limits[1]))
