"""Executes a QONNX file as it is, node by node, in float64: the reference for its import.

Every node that the importer takes is computed by its definition (ONNX's, QONNX's), from the file's
own constants, one sample at a time with the batch that the file declares. Constants are quantized
in float32, as PyTorch does, everything else in float64.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.definitions import DEFINITIONS
from hwkit.importers.qonnx.file import OPSET, Node, OnnxModel
from hwkit.importers.qonnx.linear import type_of
from hwkit.importers.qonnx.qoperators import on_reals
from hwkit.importers.qonnx.rewrite import alive
from hwkit.importers.qonnx.rounding import round_array, tie_distance
from hwkit.ir.types import Array

QUANTIZERS = frozenset({"Quant", "IntQuant", "BipolarQuant", "Trunc", "QuantizeLinear"})
_QUANTS = frozenset({"Quant", "IntQuant"})
WHO = "the reference execution"


@dataclass(frozen=True, slots=True)
class Quantized:
    """What a quantizer made of reals: its ``integers`` (int64), and the ``distance`` of each real
    from the nearest tie, in steps."""

    integers: Array
    distance: Array


class Execution:
    """One model, its constants computed once."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        nodes, self.constants = on_reals(alive(model.nodes, model.outputs), model.constants)
        self.constants[""] = np.zeros(0)
        self._moving = []
        for given_node in nodes:
            # Some operators mean something else in old files.
            attributes = {**given_node.attributes, OPSET: model.opset}
            node = dataclasses.replace(given_node, attributes=attributes)
            if node.op_type != "Shape" and all(n in self.constants for n in node.inputs):
                given = [self.constants[n] for n in node.inputs]
                for name, value in zip(
                    node.outputs, _guarded(node, given, _constant), strict=False
                ):
                    self.constants[name] = value
            else:
                self._moving.append(node)

    def run(
        self,
        feeds: Mapping[str, Array],
        replace: Callable[[str, Array, Quantized | None], Array] = lambda name, y, q: y,
    ) -> dict[str, Array]:
        """The model's outputs by name for one batch ``feeds`` of reals, in ONNX's layout.

        ``replace`` is told of every tensor, and of its integers where a quantizer made it; what
        it returns is what the nodes behind read.
        """
        values = {**self.constants}
        for name, x in feeds.items():
            values[name] = replace(name, x.astype(np.float64), None)
        quantized: dict[str, Quantized] = {}
        for node in self._moving:
            computed, found = _guarded(node, [values[n] for n in node.inputs], _execute)
            if ends_quantizer(node, quantized):  # Its ties are the quantizer's.
                whole = computed[0] if computed[0].dtype.kind == "i" else np.zeros(0, np.int64)
                found = Quantized(whole, quantized[node.inputs[0]].distance)
            if found is not None:
                quantized[node.outputs[0]] = found
            for name, y in zip(node.outputs, computed, strict=False):
                values[name] = replace(name, y, found)
        return {name: values[name] for name in self.model.outputs}


def ends_quantizer(node: Node, quantized: Container[str]) -> bool:
    """Whether ``node`` is the end of a quantizer that is narrowed (a Clip) or wraps (a Sub of what
    it gives, and not of what another one does)."""
    if node.op_type not in ("Sub", "Clip") or node.inputs[0] not in quantized:
        return False
    return node.op_type == "Clip" or node.inputs[1] not in quantized


T = TypeVar("T")


def _guarded(
    node: Node, given: Sequence[Array], compute: Callable[[Node, Sequence[Array]], T]
) -> T:
    """What ``compute`` gives; ``GraphError`` naming ``node`` where its inputs make no sense."""
    try:
        return compute(node, given)
    except (ValueError, IndexError, TypeError, ArithmeticError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GraphError(
            node.name, f"{node.op_type} cannot be executed ({reason:.100}); export again"
        ) from error


def _constant(node: Node, given: Sequence[Array]) -> list[Array]:
    """A node of constants alone: quantized in float32, as PyTorch does."""
    if node.op_type in _QUANTS:
        x, *rest = (np.asarray(v, np.float32) for v in given)
        return [_quantized(node, x, *rest)[0].astype(np.float64)]
    if node.op_type == "QuantizeLinear":
        return [_linear(node, np.asarray(given[0], np.float32), *given[1:])[0]]
    return _execute(node, given)[0]


def _execute(node: Node, given: Sequence[Array]) -> tuple[list[Array], Quantized | None]:
    """What a node computes, and its integers if it is a quantizer."""
    if node.op_type in _QUANTIZED:
        y, found = _QUANTIZED[node.op_type](node, *given)
        return [y], found
    function = DEFINITIONS.get(node.op_type)
    if function is None:
        raise UnsupportedOp(node.name, WHO, f"ONNX op {node.op_type!r}; import without --check")
    computed = function(node, *given)
    return (computed if isinstance(computed, list) else [np.asarray(computed)]), None


def _quantized(
    node: Node, x: Array, scale: Array, zero_point: Array, bits: Array
) -> tuple[Array, Quantized]:
    signed, narrow = bool(node.attribute("signed", 1)), bool(node.attribute("narrow", 0))
    mode = node.attribute("rounding_mode", "ROUND").upper()
    y = x / scale + zero_point
    if signed and (bits == 1).all():
        integers, distance = np.where(y >= 0, 1, -1).astype(y.dtype), np.abs(y)
    else:
        low, high = _limits(bits, signed, narrow)
        integers = round_array(np.clip(y, low, high), mode)
        distance = tie_distance(y, mode)
    out = (integers - zero_point) * scale
    return out, Quantized(integers.astype(np.int64), distance)


def _bipolar(node: Node, x: Array, scale: Array) -> tuple[Array, Quantized]:
    signs = np.where(x >= 0, 1, -1)
    return signs * scale, Quantized(signs, np.abs(x / scale))


def _arg_max(node: Node, x: Array) -> tuple[Array, Quantized]:
    """Places; two reals that are equal but for a share of the largest are a tie."""
    axis = node.attribute("axis", 0)
    if node.attribute("select_last_index", 0):
        places = x.shape[axis] - 1 - np.flip(x, axis).argmax(axis)
    else:
        places = x.argmax(axis)
    ordered = np.sort(x, axis)
    apart = ordered.take(-1, axis) - ordered.take(-min(2, x.shape[axis]), axis)
    distance = apart / np.maximum(np.abs(x).max(axis), np.finfo(np.float64).tiny)
    if node.attribute("keepdims", 1):
        places, distance = (np.expand_dims(v, axis) for v in (places, distance))
    return places, Quantized(places.astype(np.int64), distance)


def _limits(bits: Array, signed: bool, narrow: bool) -> tuple[Array, Array]:
    if signed:
        return -(2.0 ** (bits - 1)) + narrow, 2.0 ** (bits - 1) - 1
    return np.zeros_like(bits), 2.0**bits - 1 - narrow


def _truncated(
    node: Node, x: Array, scale: Array, zero_point: Array, bits: Array, out_scale: Array,
    out_bits: Array,
) -> tuple[Array, Quantized]:  # fmt: skip
    mode = node.attribute("rounding_mode", "FLOOR").upper()
    whole = np.rint(x / scale + zero_point)
    step = 2.0 ** np.rint(np.log2(out_scale / scale))
    low, high = _limits(
        out_bits, bool(node.attribute("signed", 1)), bool(node.attribute("narrow", 0))
    )
    y = whole / step
    integers = round_array(np.clip(y, low, high), mode)
    out = (integers - zero_point / step) * out_scale
    # Whole steps of a power of two: exact but for the ties of the first rounding.
    distance = tie_distance(x / scale + zero_point, "ROUND")
    return out, Quantized(integers.astype(np.int64), distance)


def _along(node: Node, values: Array, rank: int) -> Array:
    """Scales or zero points of one axis as they broadcast."""
    if values.size < 2:
        return values.reshape(()) if values.size else np.zeros((), np.int64)
    sizes = [1] * rank
    sizes[node.attribute("axis", 1)] = values.size
    return values.reshape(sizes)


def _linear(
    node: Node, x: Array, scale: Array, zero_point: Array | None = None
) -> tuple[Array, Quantized]:
    """``QuantizeLinear``: int64 integers."""
    dtype = type_of(np.zeros(0, np.uint8) if zero_point is None else zero_point)
    if dtype is None:
        raise UnsupportedOp(node.name, WHO, "a zero point of another type than an integer's")
    zero = np.zeros((), np.int64) if zero_point is None else zero_point.astype(np.int64)
    steps = x / _along(node, scale.astype(x.dtype), x.ndim)
    integers = np.rint(steps).astype(np.int64) + _along(node, zero, x.ndim)
    integers = np.clip(integers, dtype.low, dtype.high)
    return integers, Quantized(integers, tie_distance(steps, "ROUND"))


def _dequantized(
    node: Node, x: Array, scale: Array, zero_point: Array | None = None
) -> tuple[Array, None]:
    zero = np.zeros((), np.int64) if zero_point is None else zero_point.astype(np.int64)
    steps = _along(node, scale.astype(np.float64), x.ndim)
    return (x.astype(np.int64) - _along(node, zero, x.ndim)) * steps, None


_QUANTIZED: dict[str, Callable[..., tuple[Array, Quantized | None]]] = {
    "Quant": _quantized,
    "IntQuant": _quantized,
    "BipolarQuant": _bipolar,
    "Trunc": _truncated,
    "ArgMax": _arg_max,
    "QuantizeLinear": _linear,
    "DequantizeLinear": _dequantized,
}
