"""The state of one import: the graph so far, and what each ONNX tensor is in integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwkit.errors import GraphError, UnsupportedOp
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.values import Fresh, Port, Real, Weight
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.types import Array, Shape

Value = Real | Weight | Fresh | Array
_QUANTIZER_PARTS = {"export_handler", "act_quant", "activation_impl", "tensor_quant", "cast"}
_NAMED_BY_MODULE = {"Conv", "Gemm", "MatMul", "BatchNormalization", "Quant", "Trunc"}


_CONSTANTS = ("weight", "bias", "table")


def _claimed(name: str) -> set[str]:
    """``name`` and what the constants of an op of that name are called."""
    return {name, *(f"{name}.{part}" for part in _CONSTANTS)}


class Context:
    """Values by ONNX name and a ``GraphBuilder``; the handlers read and write through it."""

    def __init__(
        self, name: str, constants: Mapping[str, Array], nodes: Sequence[Node] = (), opset: int = 17
    ) -> None:
        self.nodes = nodes
        self.opset = opset
        self.builder = GraphBuilder(name)
        self.values: dict[str, Value] = dict(constants)
        self.read_inputs: dict[str, Port] = {}
        self._names: set[str] = set()

    # --- names -------------------------------------------------------------------------------

    def name(self, node: Node, wanted: str = "") -> str:
        """A unique name: ``wanted``, or the module's path, or the op's kind."""
        if not wanted:
            parts = [p for p in node.module.split(".") if p not in _QUANTIZER_PARTS and p]
            kind = node.op_type.lower()
            if not parts and node.op_type in _NAMED_BY_MODULE:
                parts = [node.name.strip("/").replace("/", ".")]
            elif not parts or node.op_type in ("Add", "Concat"):
                parts.append(kind)
            wanted = ".".join(parts)
        candidate, count = wanted, 1
        while not self._names.isdisjoint(_claimed(candidate)):
            count += 1
            candidate = f"{wanted}_{count}"
        self._names.update(_claimed(candidate))
        return candidate

    # --- reading -----------------------------------------------------------------------------

    def value(self, node: Node, position: int) -> Value:
        """Input ``position`` of ``node``; ``GraphError`` if nothing computes it."""
        name = node.inputs[position] if position < len(node.inputs) else ""
        if name not in self.values:
            raise GraphError(node.name, f"reads {name!r}, which nothing computes; export again")
        return self.values[name]

    def has(self, node: Node, position: int) -> bool:
        """Whether the optional input ``position`` is given."""
        return position < len(node.inputs) and node.inputs[position] != ""

    def real(self, node: Node, position: int) -> Real:
        """An activation; ``GraphError`` when it comes before any quantizer."""
        value = self.value(node, position)
        if isinstance(value, Fresh):
            raise GraphError(
                node.name,
                f"reads model input {value.name!r}, which is not quantized; "
                "put a QuantIdentity first in the model",
            )
        if not isinstance(value, Real):
            raise UnsupportedOp(node.name, IMPORTER, "its data is a constant; fold it and export")
        return value

    def numbers(self, node: Node, position: int) -> Array | None:
        """A constant (float64) or the values of a quantized constant; None for an activation."""
        value = self.value(node, position)
        if isinstance(value, Weight):
            return np.asarray(value.integers * value.scale)
        if isinstance(value, Real | Fresh):
            return None
        return value.astype(np.float64) if value.dtype.kind in "fiu" else None

    def graph_shape(self, real: Real) -> Shape:
        """Shape of the settled tensor in the graph."""
        return self.builder.shape(real.integers.tensor)

    # --- writing -----------------------------------------------------------------------------

    def put(self, node: Node, value: Value) -> None:
        """Makes ``value`` the node's first output."""
        self.values[node.outputs[0]] = value

    def take(self, name: str) -> None:
        """Keeps a name that is not this importer's to choose, such as an input's."""
        self._names.add(name)
