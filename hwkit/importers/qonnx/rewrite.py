"""Rewrites ONNX nodes into the order that maps to integers best; changes no value.

A quantizer with one scale is a monotone function of single values, so it may go before whatever
only selects or moves values (max pool, flatten, concat): those then work on narrow integers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwkit.importers.qonnx.batch_first import batch_first
from hwkit.importers.qonnx.constants import computed_constants
from hwkit.importers.qonnx.file import Node, OnnxModel
from hwkit.importers.qonnx.fixed import WRAP_BITS, fixed_point
from hwkit.importers.qonnx.layer_norm import whole_layer_norms
from hwkit.importers.qonnx.linear import HIGH, LOW, quantizers
from hwkit.ir.types import Array

PASS_THROUGH = frozenset({"Identity", "Dropout"})
_SYNONYMS = {"IntQuant": "Quant"}
_MOVES = frozenset({"MaxPool", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Transpose", "Concat"})
_NARROWS = frozenset({"Quant", "Trunc"})


def rewrite(model: OnnxModel) -> OnnxModel:
    """Drops nodes that do nothing or that nothing needs, folds what stands for a fixed-point
    quantizer, then moves quantizers and ReLUs ahead of pools and reshapes."""
    nodes, outputs = _without_identities(model)
    nodes = alive(nodes, outputs)
    nodes, constants = computed_constants(nodes, model.constants)
    nodes, constants, outputs = quantizers(nodes, replace(model, constants=constants), outputs)
    nodes, constants, axes = batch_first(nodes, constants, model.inputs)
    nodes, constants = whole_layer_norms(nodes, constants, outputs)
    nodes = alive(nodes, outputs)
    nodes = fixed_point(nodes, constants, outputs)
    for _ in range(len(nodes)):
        moved = _hoist_one(nodes, constants, outputs)
        if moved is None:
            break
        nodes = moved
    return replace(model, nodes=tuple(nodes), outputs=outputs, constants=constants, batch_axes=axes)


def _without_identities(model: OnnxModel) -> tuple[list[Node], tuple[str, ...]]:
    renamed: dict[str, str] = {}
    nodes = []
    for node in model.nodes:
        op_type = _SYNONYMS.get(node.op_type, node.op_type)
        inputs = tuple(renamed.get(n, n) for n in node.inputs)
        node = replace(node, op_type=op_type, inputs=inputs)
        if node.op_type in PASS_THROUGH and node.inputs:
            renamed[node.outputs[0]] = node.inputs[0]
        else:
            nodes.append(node)
    return nodes, tuple(renamed.get(n, n) for n in model.outputs)


def alive(nodes: Sequence[Node], outputs: tuple[str, ...]) -> list[Node]:
    """The nodes that an output needs."""
    needed, kept = set(outputs), list[Node]()
    for node in reversed(nodes):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            kept.append(node)
    return kept[::-1]


def _hoist_one(
    nodes: list[Node], constants: Mapping[str, Array], outputs: tuple[str, ...]
) -> list[Node] | None:
    """``x -> move -> quantizer`` becomes ``x -> quantizer -> move``; None when nothing is left."""
    producers = {name: i for i, node in enumerate(nodes) for name in node.outputs}
    readers = Counter(name for node in nodes for name in node.inputs)
    for i, node in enumerate(nodes):
        if node.op_type not in ("Quant", "Relu") or not set(node.inputs[:1]) & producers.keys():
            continue
        at = producers[node.inputs[0]]
        move = nodes[at]
        alone = readers[move.outputs[0]] == 1 and move.outputs[0] not in outputs
        if (
            move.op_type not in _MOVES
            or not move.inputs
            or not alone
            or not _one_scale(node, constants)
        ):
            continue
        sources = move.inputs if move.op_type == "Concat" else move.inputs[:1]
        grids = {_grid(s, nodes, producers, constants) for s in sources}
        if len(grids) == 1 and None not in grids:
            continue
        hoisted = [
            replace(
                node,
                name=node.name if len(sources) == 1 else f"{node.name}_{k}",
                inputs=(source, *node.inputs[1:]),
                outputs=(f"{node.outputs[0]}~{k}",),
            )
            for k, source in enumerate(sources)
        ]
        inputs = (*(h.outputs[0] for h in hoisted), *move.inputs[len(sources) :])
        moved = replace(move, inputs=inputs, outputs=node.outputs)
        between = nodes[at + 1 : i]
        return [*nodes[:at], *between, *hoisted, moved, *nodes[i + 1 :]]
    return None


def _one_scale(node: Node, constants: Mapping[str, Array]) -> bool:
    """Whether ``node`` is a monotone function of single values, the same for all."""
    if node.op_type == "Relu":
        return True
    if WRAP_BITS in node.attributes:
        return False
    return all(name in constants and constants[name].size == 1 for name in node.inputs[1:])


def _grid(
    name: str, nodes: list[Node], producers: Mapping[str, int], constants: Mapping[str, Array]
) -> bytes | None:
    """Which grid of integers a tensor already lies on; None when it is not quantized.

    Graph inputs count as one grid: what moves values before the first quantizer stays there.
    """
    while name in producers:
        node = nodes[producers[name]]
        if node.op_type in _NARROWS:
            values = [constants[n].tobytes() for n in node.inputs[1:] if n in constants]
            signed = int(node.attributes.get("signed", 1))
            kind = repr((signed, node.attributes.get(LOW), node.attributes.get(HIGH)))
            return b"|".join([node.op_type.encode(), kind.encode(), *values])
        followed = node.op_type in (_MOVES | {"Relu"}) and node.op_type != "Concat"
        if not followed or not node.inputs:
            return None
        name = node.inputs[0]
    return b"input"
