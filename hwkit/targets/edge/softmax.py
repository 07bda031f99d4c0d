"""A softmax from a table in the form that a .tflite has: its own one, then a change of scale."""

from __future__ import annotations

from dataclasses import replace

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, Requantize, Rescale, Rounding, Softmax, SoftmaxKind
from hwkit.ir.softmax_table import FRACTION_BITS
from hwkit.ir.types import S8, Quantization, TensorType
from hwkit.lower.fresh import fresh

_MEANING = Quantization((1 / 256,), -128)
_STEP_BITS = FRACTION_BITS - 8
"""A step of the file's softmax has so many of the table's parts."""


def file_softmax(graph: Graph) -> tuple[Graph, tuple[str, ...]]:
    """Every softmax from a table as one to s8 with scale 1/256, and behind it what is left of its
    rescale; the names of those nodes, whose integers may move."""
    nodes: list[Op] = []
    tensors, changed = dict(graph.tensors), []
    for op in graph.nodes:
        if not isinstance(op, Softmax) or op.kind is not SoftmaxKind.TABLE or op.rescale is None:
            nodes.append(op)
            continue
        changed.append(op.name)
        plain = replace(op, kind=SoftmaxKind.FIXED, rescale=None)
        left = _after(op.rescale)
        if left is None and tensors[op.output].dtype == S8:
            nodes.append(plain)
            continue
        name = fresh(f"{op.name}.parts", tensors)
        tensors[name] = TensorType(tensors[op.output].shape, S8, _MEANING)
        nodes += [
            replace(plain, output=name),
            Requantize(f"{op.name}.rescale", name, op.output, left or op.rescale, S8.low),
        ]
    return graph.with_nodes(tuple(nodes), tensors), tuple(changed)


def _after(r: Rescale) -> Rescale | None:
    """``r`` of steps of 1/256; None where that changes nothing."""
    ratio = r.multiplier[0] * 2.0 ** (r.left_shift + _STEP_BITS - r.shift[0])
    plain = len(r.multiplier) == 1 and ratio == 1.0 and not any(r.offset)
    if plain and (r.zero_point, r.low, r.high) == (S8.low, S8.low, S8.high):
        return None
    by = min(_STEP_BITS, min(r.shift))
    shift = tuple(s - by for s in r.shift)
    multiplier = tuple(m << _STEP_BITS - by for m in r.multiplier)
    offset = tuple(o >> by for o in r.offset)
    return replace(r, multiplier=multiplier, shift=shift, offset=offset, rounding=_single(r))


def _single(r: Rescale) -> Rounding:
    return Rounding.HALF_EVEN if r.rounding in (Rounding.DOUBLE, Rounding.FLOAT32) else r.rounding
