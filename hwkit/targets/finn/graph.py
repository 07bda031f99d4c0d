"""FINN's graph as plain data: nodes, the integers of every tensor, constants.

One sample: shapes begin with 1. Layout NHWC, as in FINN after its lowering of convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hwkit.errors import UnsupportedOp
from hwkit.ir.types import Array, Shape

TARGET = "finn_sim"

EXACT = 1 << 24
"""FINN holds every tensor in float32, which has each integer up to here."""

Attribute = int | float | str | list[int]


def datatype(low: int, high: int) -> str:
    """FINN's name of the narrowest integer that holds ``low..high``, of at least 2 bits: its code
    generators take no inputs of 1 bit that mean 0 and 1.

    Example: 0..255 is ``UINT8``, -3..8 is ``INT5``, 0..1 is ``UINT2``.
    """
    if low >= 0:
        return f"UINT{max(high.bit_length(), 2)}"
    return f"INT{max((-low - 1).bit_length(), max(high, 0).bit_length(), 1) + 1}"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An activation: its name, its shape with the batch of 1, the integers that can occur."""

    name: str
    shape: Shape
    low: int
    high: int

    @property
    def datatype(self) -> str:
        """FINN's annotation."""
        return datatype(self.low, self.high)


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node; ``custom`` ones are of QONNX's domain. ``layer`` is the index of the op that
    it belongs to."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    output: str
    layer: int
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    custom: bool = False


@dataclass(frozen=True, slots=True)
class Constant:
    """Integers in float32 with FINN's annotation, or a shape in int64 without one.

    ``sparsity`` is the kernel of a depthwise weight matrix, () for others.
    """

    value: Array
    datatype: str = ""
    sparsity: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """The whole graph; ``inputs`` and ``outputs`` name tensors, each once.

    ``inputs`` are those that a layer reads, ``outputs`` those that a layer gives: an output that
    is an input goes through no hardware.
    """

    nodes: tuple[Node, ...]
    tensors: Mapping[str, Tensor]
    constants: Mapping[str, Constant]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class Builder:
    """Collects the nodes of a network; ``layer`` and ``op_name`` say for which op."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.constants: dict[str, Constant] = {}
        self.layer = 0
        self.op_name = ""

    def tensor(self, name: str, shape: Shape, low: int, high: int) -> Tensor:
        """Declares an activation; refuses integers that FINN's float32 does not hold."""
        if max(-low, high) >= EXACT:
            raise self.unsupported(
                f"{name!r} can reach {max(-low, high)}, and FINN computes in float32, exact below "
                "2**24; use fewer inputs for each output, or fewer bits"
            )
        self.tensors[name] = made = Tensor(name, shape, low, high)
        return made

    def inner(self, role: str, shape: Shape, low: int, high: int) -> Tensor:
        """A tensor inside the current op, with a name of its own."""
        return self.tensor(self._free(f"{self.op_name}/{role}"), shape, low, high)

    def constant(self, role: str, value: Array, sparsity: tuple[int, ...] = ()) -> str:
        """A constant of the current op: integers that FINN's float32 holds."""
        low, high = int(value.min()), int(value.max())
        if max(-low, high) > EXACT:
            raise self.unsupported(
                f"its {role} {low}..{high} leave the 24 bits of FINN's float32; use fewer bits"
            )
        name = self._free(f"{self.op_name}/{role}")
        self.constants[name] = Constant(value.astype(np.float32), datatype(low, high), sparsity)
        return name

    def indices(self, role: str, value: tuple[int, ...]) -> str:
        """A shape, axes or padding, as ONNX takes them."""
        name = self._free(f"{self.op_name}/{role}")
        self.constants[name] = Constant(np.array(value, np.int64))
        return name

    def node(
        self,
        kind: str,
        inputs: tuple[str, ...],
        output: Tensor,
        custom: bool = False,
        **attributes: Attribute,
    ) -> Tensor:
        """Appends a node that gives ``output``."""
        name = f"{self.op_name}/{kind}"
        self.nodes.append(Node(kind, name, inputs, output.name, self.layer, attributes, custom))
        return output

    def unsupported(self, why: str) -> UnsupportedOp:
        """The refusal of the current op."""
        return UnsupportedOp(self.op_name, TARGET, why)

    def network(self, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Network:
        """What has been collected."""
        return Network(tuple(self.nodes), self.tensors, self.constants, inputs, outputs)

    def _free(self, name: str) -> str:
        while name in self.tensors or name in self.constants:
            name += "'"
        return name
