"""Layer norms that a converter spelled out in operators of ``.tflite``, found again.

What lies behind ``r = 1 / sqrt(mean((x - mean(x))^2) + eps)`` is followed as a sum of constants
times ``x r``, ``mean(x) r``, ``r``, ``x``, ``mean(x)`` and 1, however it is ordered; where that sum
is ``(x - mean(x)) r gain + bias``, the operator that gives it is a layer norm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from hwkit.importers.tflite.file import FLOAT32, FileOperator, TfliteFile
from hwkit.ir.types import Array

NORM = "LAYER_NORM"
"""In place of the operator that gives the norm: inputs x, gain and bias."""
_X, _MEAN, _ROOT, _ONE = "x", "m", "r", ""
_X_ROOT, _MEAN_ROOT = "rx", "mr"
_KEYS = frozenset((_ONE, _X, _MEAN, _ROOT, _X_ROOT, _MEAN_ROOT))
_Sum = Mapping[str, Array]
"""Constants by the product that each is multiplied with, its letters in order."""


def with_layer_norms(file: TfliteFile) -> TfliteFile:
    """``file`` with one LAYER_NORM, whose option is ``eps``, in place of the last operator of each;
    the others of it lose their reader, and stay."""
    makers = {index: op for op in file.operators for index in op.outputs}
    with np.errstate(all="ignore"):  # Damaged constants may be anything.
        for op in file.operators:
            if op.code in ("RSQRT", "SQRT") and op.inputs:
                found = _deviation(file, makers, op)
                if found is not None:
                    file = _replaced(file, found)
    return file


@dataclass(frozen=True, slots=True)
class _Deviation:
    """A root's operator, its ``x``, the mean of that, and what was added to the variance."""

    root: FileOperator
    x: int
    mean: int
    eps: float


def _deviation(
    file: TfliteFile, makers: Mapping[int, FileOperator], root: FileOperator
) -> _Deviation | None:
    add = _made(makers, root.inputs[0], "ADD")
    if add is None:
        return None
    for at, other in (add.inputs, add.inputs[::-1]):
        eps, variance = file.tensors[other].data, _mean_of(file, makers, at)
        square = None if variance is None else _made(makers, variance, "SQUARED_DIFFERENCE")
        if eps is None or eps.size != 1 or square is None:
            continue
        for x, mean in (square.inputs, square.inputs[::-1]):
            if _mean_of(file, makers, mean) == x:
                return _Deviation(root, x, mean, float(eps.reshape(-1)[0]))
    return None


def _made(makers: Mapping[int, FileOperator], index: int, code: str) -> FileOperator | None:
    op = makers.get(index)
    fits = op is not None and op.code == code and len(op.inputs) == 2
    return op if fits and op is not None and not op.options.get("activation") else None


def _mean_of(file: TfliteFile, makers: Mapping[int, FileOperator], index: int) -> int | None:
    """What ``index`` is the mean of over its last axis; None for anything else."""
    op = _made(makers, index, "MEAN")
    if op is None:
        return None
    axes, rank = file.tensors[op.inputs[1]].data, len(file.tensors[op.inputs[0]].shape)
    kept = len(file.tensors[index].shape) == rank
    last = axes is not None and axes.size == 1 and int(axes.reshape(-1)[0]) % rank == rank - 1
    return op.inputs[0] if last and kept else None


def _replaced(file: TfliteFile, found: _Deviation) -> TfliteFile:
    sums: dict[int, _Sum] = {found.x: {_X: _number(1)}, found.mean: {_MEAN: _number(1)}}
    root = found.root.outputs[0]
    if found.root.code == "RSQRT":
        sums[root] = {_ROOT: _number(1)}
    for position, op in enumerate(file.operators):
        if op.options.get("activation") or len(op.outputs) != 1 or op.outputs[0] in sums:
            continue
        divided = op.code == "DIV" and op.inputs[1:] == (root,) and found.root.code == "SQRT"
        operands = [_known(file, sums, index) for index in op.inputs[: 1 if divided else 2]]
        known = [o for o in operands if o is not None]
        if len(known) != len(operands) or all(set(o) <= {_ONE} for o in known):
            continue
        value = _times(known[0], {_ROOT: _number(1)}) if divided else _value(op.code, known)
        if value is None:
            continue
        sums[op.outputs[0]] = value
        if (norm := _norm(value)) is not None:
            return _with_norm(file, position, found, *norm)
    return file


def _number(value: float) -> Array:
    return np.array(value, np.float64)


def _known(file: TfliteFile, sums: Mapping[int, _Sum], index: int) -> _Sum | None:
    if index in sums:
        return sums[index]
    tensor = file.tensors[index] if index >= 0 else None
    if tensor is None or tensor.data is None or tensor.type != FLOAT32:
        return None
    return {_ONE: tensor.data.astype(np.float64)}


def _value(code: str, operands: list[_Sum]) -> _Sum | None:
    if code == "NEG" and len(operands) == 1:
        return {key: -value for key, value in operands[0].items()}
    if code == "MUL" and len(operands) == 2:
        return _times(*operands)
    if code not in ("ADD", "SUB") or len(operands) != 2:
        return None
    sign, total = (1 if code == "ADD" else -1), dict(operands[0])
    for key, value in operands[1].items():
        total[key] = total.get(key, _number(0)) + sign * value
    return total


def _times(a: _Sum, b: _Sum) -> _Sum | None:
    total: dict[str, Array] = {}
    for key, value in a.items():
        for other, factor in b.items():
            product = "".join(sorted(key + other))
            if product not in _KEYS:
                return None
            total[product] = total.get(product, _number(0)) + value * factor
    return total


def _norm(total: _Sum) -> tuple[Array, Array] | None:
    """Gain and bias where a sum is a norm."""
    gain, mean = total.get(_X_ROOT), total.get(_MEAN_ROOT)
    if gain is None or mean is None or not set(total) <= {_X_ROOT, _MEAN_ROOT, _ONE}:
        return None
    if gain.size != mean.size or not np.array_equal(gain.reshape(-1), -mean.reshape(-1)):
        return None
    return gain, total.get(_ONE, _number(0))


def _with_norm(
    file: TfliteFile, position: int, found: _Deviation, gain: Array, bias: Array
) -> TfliteFile:
    last = file.operators[position]
    width = file.tensors[found.x].shape[-1]
    sizes = {gain.size, bias.size}
    if (
        not sizes <= {1, width}
        or file.tensors[last.outputs[0]].shape != file.tensors[found.x].shape
    ):
        return file
    constants = [
        replace(
            file.tensors[found.x],
            shape=(width,),
            data=np.broadcast_to(value.reshape(-1), width).astype(np.float32),
        )
        for value in (gain, bias)
    ]
    count = len(file.tensors)
    norm = FileOperator(NORM, (found.x, count, count + 1), last.outputs, {"eps": found.eps})
    operators = (*file.operators[:position], norm, *file.operators[position + 1 :])
    return replace(file, tensors=(*file.tensors, *constants), operators=operators)
