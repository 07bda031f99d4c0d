"""Layer norm: ONNX's operator, and the operators that exporters write instead of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, sqrt

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.arrange import features_last
from hwkit.importers.qonnx.context import Context
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.integers import narrow
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Integers, one_or_all
from hwkit.ir.layer_norm import FRACTION_BITS, epsilon_of
from hwkit.ir.ops import LayerNorm
from hwkit.ir.types import S32, Array, IntType, Quantization

_PARTS = {"ReduceMean", "Sub", "Pow", "Mul", "Add", "Sqrt", "Div"}


def layer_norm(ctx: Context, node: Node) -> None:
    """``LayerNormalization`` over the last axis of one quantized activation."""
    real = narrow(ctx, node, 0)
    rank, channels = len(real.shape) + 1, real.shape[-1]
    if node.attribute("axis", -1) % rank != rank - 1 or rank == 1:
        raise UnsupportedOp(node.name, IMPORTER, "a layer norm of several axes; use the last one")
    if real.scale.size > 1 or real.order is not None:
        remedy = "a layer norm of scales by channel or of a flattened map; quantize by one scale"
        raise UnsupportedOp(node.name, IMPORTER, remedy)
    gamma, beta = (_parameter(ctx, node, k, channels, k == 1) for k in (1, 2))
    eps = node.attribute("epsilon", 1e-5)
    if not eps >= 0:
        raise GraphError(node.name, f"epsilon {eps} is below 0; export again")
    real = features_last(ctx, node, real)
    name = ctx.name(node)
    signs = None
    if (gamma <= 0).any():
        signs = f"{name}.signs"
        ctx.builder.constant(signs, np.sign(gamma).astype(np.int64), IntType(2, True))
    step = 2.0**-FRACTION_BITS
    scale = one_or_all(np.where(gamma == 0, 1.0, np.abs(gamma)) * step)
    epsilon = epsilon_of(eps, float(real.scale[0]), channels)
    op = LayerNorm(name, real.integers.tensor, name, epsilon, signs)
    ctx.builder.add(op, S32, Quantization(tuple(float(s) for s in scale)))
    largest = ceil(sqrt(channels) * (1 << FRACTION_BITS)) + 1
    source = Integers(name, S32, -largest, largest)
    ctx.put(node, replace(real, source=source, scale=scale, offset=one_or_all(beta)))


def _parameter(ctx: Context, node: Node, place: int, channels: int, ones: bool) -> Array:
    if not ctx.has(node, place):
        return np.full(channels, float(ones))
    values = ctx.numbers(node, place)
    if values is None or values.size not in (1, channels):
        raise UnsupportedOp(node.name, IMPORTER, "its gain or bias is no constant of one a channel")
    return np.broadcast_to(values.reshape(-1), (channels,)).astype(np.float64)


def whole_layer_norms(
    nodes: Sequence[Node], constants: Mapping[str, Array], outputs: Sequence[str]
) -> tuple[list[Node], dict[str, Array]]:
    """``(x - mean) / sqrt(mean((x - mean)**2) + eps)`` as one node, with gain and bias where they
    follow; and the constants, new ones among them."""
    search = _Search(nodes, constants, outputs)
    return search.result(), search.constants


class _Search:
    def __init__(
        self, nodes: Sequence[Node], constants: Mapping[str, Array], outputs: Sequence[str]
    ) -> None:
        self.nodes, self.constants = list(nodes), dict(constants)
        self.producers = {name: node for node in nodes for name in node.outputs}
        readers = Counter(name for node in nodes for name in node.inputs)
        self.alone = {name for name, count in readers.items() if count == 1} - set(outputs)
        self.readers = {name: node for node in nodes for name in node.inputs}

    def result(self) -> list[Node]:
        kinds = {node.op_type for node in self.nodes}
        if not {"ReduceMean", "Sqrt", "Div"} <= kinds:
            return self.nodes
        ends: dict[str, Node] = {}
        for node in self.nodes:
            if (found := self.at(node)) is not None:
                ends[found.outputs[0]] = found
        return [ends.get(node.outputs[0], node) if node.outputs else node for node in self.nodes]

    def made_by(self, name: str, *kinds: str) -> Node | None:
        node = self.producers.get(name)
        return node if node is not None and node.op_type in kinds else None

    def number(self, name: str) -> float | None:
        value = self.constants.get(name)
        return float(value.flat[0]) if value is not None and value.size == 1 else None

    def at(self, division: Node) -> Node | None:
        """The layer norm whose division this is; None if it is another's."""
        if division.op_type != "Div":
            return None
        centred = self.made_by(division.inputs[0], "Sub")
        root = self.made_by(division.inputs[1], "Sqrt")
        if centred is None or root is None:
            return None
        source = centred.inputs[0]
        total = self.made_by(root.inputs[0], "Add")
        if total is None or not self.is_mean(centred.inputs[1], source):
            return None
        sides = [(self.number(total.inputs[1 - k]), total.inputs[k]) for k in (0, 1)]
        variance = next((s for s in sides if s[0] is not None), None)
        if variance is None or variance[0] is None:
            return None
        mean = self.made_by(variance[1], "ReduceMean")
        if mean is None or not self.is_square(mean.inputs[0], source):
            return None
        if not self.is_mean(variance[1], mean.inputs[0]):
            return None
        return self.with_gain(division, source, variance[0])

    def is_mean(self, name: str, source: str) -> bool:
        """Whether ``name`` is the mean of ``source`` over its last axis, that axis kept."""
        node = self.made_by(name, "ReduceMean")
        if node is None or node.inputs[0] != source or not node.attribute("keepdims", 1):
            return False
        axes = node.attribute("axes", [])
        if len(node.inputs) > 1 and node.inputs[1] in self.constants:
            axes = [int(a) for a in self.constants[node.inputs[1]].flat]
        return list(axes) == [-1]

    def is_square(self, name: str, source: str) -> bool:
        """Whether ``name`` is the square of ``source`` less its mean."""
        node = self.made_by(name, "Pow", "Mul")
        if node is None:
            return False
        if node.op_type == "Pow" and self.number(node.inputs[1]) != 2:
            return False
        if node.op_type == "Mul" and node.inputs[0] != node.inputs[1]:
            return False
        centred = self.made_by(node.inputs[0], "Sub")
        return (
            centred is not None
            and centred.inputs[0] == source
            and self.is_mean(centred.inputs[1], source)
        )

    def with_gain(self, division: Node, source: str, eps: float) -> Node:
        gain, end = self.follows(division, "Mul")
        bias, end = self.follows(end, "Add")
        first = f"{division.outputs[0]}~gain"
        self.constants[first] = np.ones(1) if gain is None else self.constants[gain]
        inputs = (source, first) if bias is None else (source, first, bias)
        attributes = {"axis": -1, "epsilon": eps}
        return replace(
            division, op_type="LayerNormalization", inputs=inputs, outputs=end.outputs,
            attributes=attributes,
        )  # fmt: skip

    def follows(self, node: Node, kind: str) -> tuple[str | None, Node]:
        """The constant that a ``kind`` right behind ``node`` joins to it, and that node."""
        name = node.outputs[0]
        after = self.readers.get(name)
        if name not in self.alone or after is None or after.op_type != kind:
            return None, node
        other = next((n for n in after.inputs if n != name), "")
        value = self.constants.get(other)
        if value is None or value.size != max(value.shape, default=1):
            return None, node
        return other, after
