"""The batch comes first: what a file does to tensors that have it elsewhere, or have lost it.

Attention turns (N, T, 3, heads, D) to (3, N, heads, T, D) and takes three parts of it; optimizers
multiply the rows of (1, T, C) as a matrix (T, C). The importer's tensors keep the batch in front.
So nodes between such a point and the one where the batch is in front again are written for tensors
with the batch first: axes counted anew, permutations changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.importers.qonnx.file import Node
from hwkit.importers.qonnx.float_states import FLOAT_STATES, RECURRENT
from hwkit.importers.qonnx.plain import COMPARISONS, LOGIC
from hwkit.importers.qonnx.rounding import IMPORTER
from hwkit.importers.qonnx.unary import FUNCTIONS
from hwkit.ir.types import Array, Shape

_GONE = -1
"""The place of a batch of 1 that a tensor has no axis for."""

_ELEMENTWISE = frozenset(
    {
        "Quant",
        "Relu",
        "Clip",
        "Cast",
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Min",
        "Max",
        "Where",
        "Not",
        "Pow",
    }
    | {*FUNCTIONS, *COMPARISONS, *LOGIC}
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the batch is among the axes of a tensor of ``rank``, ``_GONE`` counted out."""

    batch: int
    rank: int

    def inner(self, axis: int) -> int:
        """The axis, counted with the batch first."""
        axis %= self.rank
        if self.batch == _GONE:
            return axis + 1
        return 0 if axis == self.batch else axis + (axis < self.batch)

    def without(self, axes: Sequence[int]) -> _Place:
        """Behind a squeeze of ``axes``."""
        gone = {a % self.rank for a in axes}
        below = sum(a < self.batch for a in gone)
        batch = _GONE if self.batch == _GONE else self.batch - below
        return _Place(batch, self.rank - len(gone))


def batch_first(
    nodes: Sequence[Node], constants: Mapping[str, Array], inputs: Mapping[str, Shape]
) -> tuple[list[Node], dict[str, Array], dict[str, int]]:
    """``nodes`` so that all tensors have the batch first, the constants that they read, and where
    the file has the batch of the others; ``inputs`` have the shapes that it declares.

    ``UnsupportedOp`` where a node reads a batch elsewhere that is not known here.
    """
    size = min((shape[0] for shape in inputs.values() if shape), default=1)
    turning = _Turning(dict(constants), size, set(inputs))
    for node in nodes:
        turning.take(node)
    axes = {name: place.batch for name, place in turning.places.items()}
    return turning.nodes, turning.constants, axes


@dataclass(slots=True)
class _Turning:
    constants: dict[str, Array]
    size: int
    moving: set[str]
    """What depends on the values of an input."""
    nodes: list[Node] = field(default_factory=list)
    places: dict[str, _Place] = field(default_factory=dict)
    """Of tensors whose batch is not in front."""

    def take(self, node: Node) -> None:
        held = [self.places[n] for n in node.inputs if n in self.places]
        if self.moving.isdisjoint(node.inputs) or node.op_type == "Shape":
            self.nodes.append(node)
            return
        self.moving.update(node.outputs)
        if held:
            self._elsewhere(node, held[0], len(held))
        elif node.op_type == "Transpose":
            order = node.attribute("perm", [])
            if order and order[0] != 0 and sorted(order) == list(range(len(order))):
                self._transposed(node, _Place(0, len(order)), order)
            else:
                self.nodes.append(node)
        elif node.op_type == "Reshape" and (sizes := self._rows(node)) is not None:
            self._shaped(node, [1, *sizes])
            self._note(node, _Place(_GONE, len(sizes)))
        else:
            self.nodes.append(node)

    def _rows(self, node: Node) -> list[int] | None:
        """The shape that a reshape to rows gives, where it takes a batch of 1 away."""
        value = self.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        if value is None or self.size != 1:
            return None
        sizes = [int(n) for n in value.flat]
        return sizes if len(sizes) > 1 and sizes[0] > 1 and min(sizes) > 0 else None

    def _note(self, node: Node, place: _Place) -> None:
        if place.batch != 0:
            for output in node.outputs:
                self.places[output] = place

    def _constant(self, node: Node, what: str, value: object) -> str:
        name = f"{node.outputs[0]}~{what}"
        self.constants[name] = np.asarray(value)
        return name

    def _shaped(self, node: Node, sizes: Sequence[int]) -> None:
        shape = self._constant(node, "shape", np.array(sizes, np.int64))
        self.nodes.append(replace(node, inputs=(node.inputs[0], shape)))

    def _transposed(self, node: Node, place: _Place, order: Sequence[int]) -> None:
        if place.batch == _GONE:
            inner = [0, *(axis + 1 for axis in order)]
            moved = place
        else:
            moved = _Place(list(order).index(place.batch), place.rank)
            rest = [a for k, a in enumerate(order) if k != moved.batch]
            inner = [0, *(place.inner(a) for a in rest)]
        self.nodes.append(replace(node, attributes={**node.attributes, "perm": inner}))
        self._note(node, moved)

    def _elsewhere(self, node: Node, place: _Place, count: int) -> None:
        kind = node.op_type
        if kind in _ELEMENTWISE:
            self._elementwise(node, place)
        elif kind == "Transpose":
            self._transposed(node, place, node.attribute("perm", []) or range(place.rank)[::-1])
        elif kind in ("Gather", "Split", "Softmax", "Concat", "LayerNormalization"):
            self._along(node, place, count)
        elif kind == "Squeeze":
            self._squeezed(node, place)
        elif kind == "Slice":
            self._cut(node, place)
        elif kind in ("MatMul", "Gemm"):
            self._product(node, place, count)
        elif kind == "Reshape" and place.batch == _GONE:
            self._reshaped(node)
        else:
            raise self._refusal(node)

    def _refusal(self, node: Node) -> UnsupportedOp:
        remedy = f"{node.op_type} of a tensor whose batch is not first; turn it"
        if node.op_type in RECURRENT:
            remedy = FLOAT_STATES
        return UnsupportedOp(node.name, IMPORTER, remedy)

    def _elementwise(self, node: Node, place: _Place) -> None:
        others = [self.constants.get(n) for n in node.inputs if n and n not in self.places]
        moving = sum(value is None for value in others)
        wide = any(v is not None and v.size > 1 and v.ndim > 1 for v in others)
        wide = wide or (place.batch == place.rank - 1 and any(
            v is not None and v.size > 1 for v in others))  # fmt: skip
        alike = {self.places[n] for n in node.inputs if n in self.places} == {place}
        if moving or wide or not alike:
            raise self._refusal(node)
        self.nodes.append(node)
        self._note(node, place)

    def _along(self, node: Node, place: _Place, count: int) -> None:
        last = node.op_type in ("Softmax", "LayerNormalization")
        axis = node.attribute("axis", -1 if last else 0) % place.rank
        if axis == place.batch or (node.op_type == "Concat" and count < len(node.inputs)):
            raise self._refusal(node)
        inner = place.inner(axis)
        self.nodes.append(replace(node, attributes={**node.attributes, "axis": inner}))
        dropped = False
        if node.op_type == "Gather":
            indices = self.constants.get(node.inputs[1])
            dropped = indices is not None and indices.ndim == 0
        self._note(node, place.without([axis]) if dropped else place)

    def _axes(self, node: Node, position: int) -> list[int]:
        value = self.constants.get(node.inputs[position]) if len(node.inputs) > position else None
        given = node.attribute("axes", []) if value is None else [int(a) for a in value.flat]
        if not given:
            raise self._refusal(node)
        return list(given)

    def _squeezed(self, node: Node, place: _Place) -> None:
        axes = self._axes(node, 1)
        if place.batch in {a % place.rank for a in axes}:
            raise self._refusal(node)
        inner = self._constant(node, "axes", np.array([place.inner(a) for a in axes]))
        rest = {k: v for k, v in node.attributes.items() if k != "axes"}
        self.nodes.append(replace(node, inputs=(node.inputs[0], inner), attributes=rest))
        self._note(node, place.without(axes))

    def _cut(self, node: Node, place: _Place) -> None:
        axes = self._axes(node, 3)
        inner = self._constant(node, "axes", np.array([place.inner(a) for a in axes]))
        inputs = (*node.inputs[:3], inner, *node.inputs[4:])
        self.nodes.append(replace(node, inputs=inputs))
        self._note(node, place)

    def _product(self, node: Node, place: _Place, count: int) -> None:
        weight = node.inputs[1]
        if count > 1:
            alike = self.places.get(node.inputs[0]) == self.places.get(weight)
            if not alike or node.op_type == "Gemm" or not _GONE <= place.batch < place.rank - 2:
                raise self._refusal(node)
            self.nodes.append(node)
        elif weight in self.places or place.batch == place.rank - 1:
            raise self._refusal(node)
        elif node.op_type == "MatMul":
            self.nodes.append(node)
        else:
            self._as_matmul(node)
        self._note(node, place)

    def _as_matmul(self, node: Node) -> None:
        """``Gemm`` of rows without a batch, as a product and a sum."""
        plain = node.attribute("alpha", 1.0) == node.attribute("beta", 1.0) == 1.0
        if not plain or node.attribute("transA", 0):
            raise self._refusal(node)
        source, weight, *bias = node.inputs
        if node.attribute("transB", 0):
            turned = f"{node.outputs[0]}~weight"
            self.nodes.append(
                replace(node, op_type="Transpose", inputs=(weight,), outputs=(turned,),
                        attributes={"perm": [1, 0]})
            )  # fmt: skip
            weight = turned
        given = bool(bias and bias[0])
        product = f"{node.outputs[0]}~product" if given else node.outputs[0]
        plain_node = replace(node, op_type="MatMul", attributes={})
        self.nodes.append(replace(plain_node, inputs=(source, weight), outputs=(product,)))
        if given:
            self.nodes.append(replace(plain_node, op_type="Add", inputs=(product, bias[0])))

    def _reshaped(self, node: Node) -> None:
        value = self.constants.get(node.inputs[1]) if len(node.inputs) > 1 else None
        sizes = [] if value is None else [int(n) for n in value.flat]
        if not sizes or 0 in sizes:
            raise self._refusal(node)
        if sizes[0] == 1:
            self._shaped(node, sizes)
            return
        self._shaped(node, [1, *sizes])
        self._note(node, _Place(_GONE, len(sizes)))
