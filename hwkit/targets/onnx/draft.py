"""An ONNX model in the making: nodes, constants each stored once, names that clash with nothing.

A map (H, W, C) of the graph is (N, C, H, W) there, as in every ONNX file; other tensors have the
batch in front. So an axis, or numbers that go along the channels, are translated here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from hwkit.ir.graph import Graph
from hwkit.ir.types import Array, Shape

OPSET = 18
"""The first in which pads and reductions take their axes as an input."""
_IR_VERSION = 10
MICROSOFT = "com.microsoft"
QONNX = "qonnx.custom_op.general"
_MAP = 3


def in_onnx(x: Array) -> Array:
    """(N, *shape) of the graph in ONNX's layout. Example: (1, 8, 6, 3) becomes (1, 3, 8, 6)."""
    return np.ascontiguousarray(x.transpose(0, 3, 1, 2)) if x.ndim == _MAP + 1 else x


def in_graph(x: Array) -> Array:
    """The inverse of ``in_onnx``."""
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == _MAP + 1 else x


def in_shape(x: Array, shape: Shape) -> Array:
    """(N, ...) of a file's layout as a tensor of the graph's ``shape``, however many axes either
    has. Example: (1, 4, 9), channels first, is (1, 1, 9, 4) as a map of one row."""
    return in_graph(x.reshape(len(x), *sizes_of(shape)))


def axis_of(axis: int, rank: int) -> int:
    """Axis ``axis`` of one sample as one of the file's. Example: the channels of a map are 1."""
    return (2, 3, 1)[axis] if rank == _MAP else axis + 1


def sizes_of(shape: Shape) -> list[int]:
    """The shape of one sample in the file's order, without the batch."""
    return [shape[2], shape[0], shape[1]] if len(shape) == _MAP else list(shape)


@dataclass(frozen=True, slots=True)
class Meaning:
    """``real = scale * (integer - zero_point)``; ``scale`` float64 (1,), or one for each channel of
    the graph's last axis."""

    scale: Array
    zero_point: int

    def reals(self, integers: Array) -> Array:
        """What integers of the graph's layout stand for, float32."""
        steps = integers.astype(np.float64) - self.zero_point
        return (steps * self.scale).astype(np.float32)

    def integers(self, reals: Array) -> Array:
        """The integers nearest to reals of the graph's layout, int64."""
        steps = reals.astype(np.float64) / self.scale
        return np.rint(steps).astype(np.int64) + self.zero_point


class Draft:
    """Nodes and constants of one model, and the op that is being written.

    ``graph`` is what the file must equal. ``name`` begins the names of what an op has inside.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.name = ""
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self.domains = {""}
        self._taken = set(graph.tensors)
        self._known: dict[tuple[str, Shape, bytes], str] = {}
        self._cast: dict[tuple[str, int], str] = {}

    def rank(self, name: str) -> int:
        """Axes of one sample of a tensor of the graph."""
        return len(self.graph.tensors[name].shape)

    def fresh(self, wish: str) -> str:
        """A name that nothing has yet."""
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish

    def constant(self, value: Array, wish: str = "") -> str:
        """A constant by its value; equal ones are stored once."""
        value = np.asarray(value, order="C")
        key = (str(value.dtype), value.shape, value.tobytes())
        if key not in self._known:
            name = self._known[key] = self.fresh(wish or f"{self.name}/constant")
            self.constants[name] = numpy_helper.from_array(value, name)
        return self._known[key]

    def indices(self, values: Sequence[int]) -> str:
        """A shape, axes or padding."""
        return self.constant(np.array(values, np.int64))

    def wide(self, value: int | Array) -> str:
        """An int64 constant; ``value`` is a number or shaped already."""
        return self.constant(np.asarray(value, np.int64))

    def channels(self, values: Sequence[int] | Array, rank: int, dtype: Any = np.int64) -> str:
        """A constant for each channel (or one for all) beside tensors of ``rank``."""
        array = np.asarray(values).astype(dtype)
        if array.size == 1:
            return self.constant(array.reshape(()))
        return self.constant(array.reshape(-1, 1, 1) if rank == _MAP else array)

    def node(
        self,
        kind: str,
        inputs: Sequence[str],
        output: str | None = None,
        domain: str = "",
        **attributes: Any,
    ) -> str:
        """Appends a node of one output, inside the current op unless ``output`` names it."""
        made = output or self.fresh(f"{self.name}/{kind}")
        self.domains.add(domain)
        node = helper.make_node(kind, list(inputs), [made], f"{made}:{kind}", domain=domain)
        node.attribute.extend(helper.make_attribute(k, attributes[k]) for k in sorted(attributes))
        self.nodes.append(node)
        return made

    def cast(self, x: str, dtype: Any, output: str | None = None) -> str:
        """``x`` in a numpy dtype; once, where nobody needs it under a name."""
        to = int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
        if output is not None:
            return self.node("Cast", [x], output, to=to)
        if (x, to) not in self._cast:
            self._cast[x, to] = self.node("Cast", [x], to=to)
        return self._cast[x, to]

    def value(self, name: str, like: str, dtype: Any = None) -> ValueInfoProto:
        """A border of the file called ``name`` with the type of the graph's tensor ``like``."""
        tensor = self.graph.tensors[like]
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype or tensor.dtype.container))
        batch = 1 if self.graph.states else "N"
        made: ValueInfoProto = helper.make_tensor_value_info(
            name, kind, [batch, *sizes_of(tensor.shape)]
        )
        return made

    def bytes(
        self,
        inputs: Sequence[ValueInfoProto],
        outputs: Sequence[ValueInfoProto],
        notes: Mapping[str, str],
    ) -> bytes:
        """The file, the same bytes every time; ``notes`` are its metadata."""
        graph = GraphProto(
            name=self.graph.name,
            node=self.nodes,
            input=inputs,
            output=outputs,
            initializer=list(self.constants.values()),
        )
        versions = {"": OPSET}
        opsets = [helper.make_opsetid(d, versions.get(d, 1)) for d in sorted(self.domains)]
        model = ModelProto(
            ir_version=_IR_VERSION, producer_name="hwkit", opset_import=opsets, graph=graph
        )
        helper.set_model_props(model, dict(sorted(notes.items())))
        serialized: bytes = model.SerializeToString(deterministic=True)
        return serialized
