"""Reads back what QONNX has no name for: ties rounded up whatever the sign, integers that wrap.

``Quant`` nodes round ties to even or away from zero, and saturate. Exact arithmetic around one
says the rest, and stands for it in any executor (``train.qfx.export`` writes it):

    Quant(x + scale / 2), FLOOR                 floor(x / scale + 1/2): half up
    q - period * floor((q - low) / period)      q in its low bits: wraps into low..low + period

Here such nodes become one ``Quant`` with rounding ``HALF_UP_SIGNED`` or with ``overflow`` wrap.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from hwkit.importers.qonnx.file import Node
from hwkit.ir.types import Array

HALF_UP_SIGNED = "HALF_UP_SIGNED"
"""Rounding of a ``Quant`` whose ties go up for both signs."""

WRAP_BITS = "wrap_bits"
"""Attribute of a ``Quant`` that wraps: the width into which it does."""


def fixed_point(
    nodes: list[Node], constants: Mapping[str, Array], outputs: tuple[str, ...]
) -> list[Node]:
    """``nodes`` with both patterns folded where they match exactly."""
    return _half_up(_wrapped(nodes, constants, outputs), constants, outputs)


def _half_up(
    nodes: list[Node], constants: Mapping[str, Array], outputs: tuple[str, ...]
) -> list[Node]:
    readers = Counter(name for node in nodes for name in node.inputs)
    producers = {name: node for node in nodes for name in node.outputs}
    found: list[Node] = []
    for node in nodes:
        scale = constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if node.op_type != "Quant" or scale is None or _mode(node) != "FLOOR":
            found.append(node)
            continue
        add = producers.get(node.inputs[0])
        other = _other(add, "Add", constants)
        alone = readers[node.inputs[0]] == 1 and node.inputs[0] not in outputs
        if add is None or other is None or not alone or not _equal(other[1], scale / 2):
            found.append(node)
            continue
        found.remove(add)
        attributes = {**node.attributes, "rounding_mode": HALF_UP_SIGNED}
        found.append(replace(node, inputs=(other[0], *node.inputs[1:]), attributes=attributes))
    return found


def _mode(node: Node) -> str:
    return str(node.attribute("rounding_mode", "ROUND")).upper()


def _other(
    node: Node | None, op_type: str, constants: Mapping[str, Array]
) -> tuple[str, Array] | None:
    """The data and the constant of a node with one of each; a sum or product in any order."""
    if node is None or node.op_type != op_type or len(node.inputs) != 2:
        return None
    first, second = node.inputs
    if second in constants and first not in constants:
        return first, constants[second]
    if op_type in ("Add", "Mul") and first in constants and second not in constants:
        return second, constants[first]
    return None


def _equal(a: Array, b: Array) -> bool:
    return a.size == b.size == 1 and a.dtype.kind == "f" and bool(a.flat[0] == b.flat[0])


def _wrapped(
    nodes: list[Node], constants: Mapping[str, Array], outputs: tuple[str, ...]
) -> list[Node]:
    readers = Counter(name for node in nodes for name in node.inputs)
    producers = {name: node for node in nodes for name in node.outputs}
    dropped: set[int] = set()
    replaced: dict[int, Node] = {}
    for node in nodes:
        chain = _chain(node, producers, constants)
        if chain is None:
            continue
        quant, inner, bits, signed = chain
        inside = [n.outputs[0] for n in inner]
        counts = [2, *(1 for _ in inner)]
        seen = [quant.outputs[0], *inside]
        if any(readers[n] != c or n in outputs for n, c in zip(seen, counts, strict=True)):
            continue
        dropped.update(id(n) for n in (quant, *inner))
        attributes = {**quant.attributes, "signed": int(signed), WRAP_BITS: bits}
        replaced[id(node)] = replace(quant, outputs=node.outputs, attributes=attributes)
    return [replaced.get(id(node), node) for node in nodes if id(node) not in dropped]


def _chain(
    node: Node, producers: Mapping[str, Node], constants: Mapping[str, Array]
) -> tuple[Node, list[Node], int, bool] | None:
    """The quantizer, the nodes between it and ``node``, the width and the sign of a wrap that
    ends in ``node``."""
    if node.op_type != "Sub" or len(node.inputs) != 2:
        return None
    quant = producers.get(node.inputs[0])
    product = producers.get(node.inputs[1])
    turns = _other(product, "Mul", constants)
    floor = producers.get(turns[0]) if turns else None
    if quant is None or quant.op_type != "Quant" or product is None or turns is None:
        return None
    if floor is None or floor.op_type != "Floor" or len(floor.inputs) != 1:
        return None
    divide = producers.get(floor.inputs[0])
    ratio = _other(divide, "Div", constants)
    shift = producers.get(ratio[0]) if ratio else None
    above = _other(shift, "Sub", constants)
    if divide is None or ratio is None or shift is None or above is None:
        return None
    scale = constants.get(quant.inputs[1]) if len(quant.inputs) > 1 else None
    if above[0] != quant.outputs[0] or scale is None or not _equal(ratio[1], turns[1]):
        return None
    found = _range(scale, ratio[1], above[1])
    return None if found is None else (quant, [shift, divide, floor, product], *found)


def _range(scale: Array, period: Array, low: Array) -> tuple[int, bool] | None:
    """Width and sign of the range from ``low`` over ``period``; None if no integer type has it."""
    if scale.size != 1 or low.size != 1 or not np.isfinite(scale).all() or not scale.flat[0] > 0:
        return None
    steps, first = (float(v.flat[0]) / float(scale.flat[0]) for v in (period, low))
    for bits in range(1, 17):
        if steps == 1 << bits and first in (0, -(1 << (bits - 1))):
            return bits, first != 0
    return None
