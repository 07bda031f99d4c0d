"""Builds a graph op by op, inferring shapes: for importers, tests and generated graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hwkit.errors import GraphError
from hwkit.ir.graph import Graph, State
from hwkit.ir.ops import Op, activations, constants
from hwkit.ir.shapes import output_shape
from hwkit.ir.types import Array, IntType, Quantization, Shape, TensorType
from hwkit.ir.verify import verify


class GraphBuilder:
    """Collects inputs, constants, states and ops, then gives a verified ``Graph``.

    Example::

        b = GraphBuilder("tiny")
        b.input("x", (4,), S8)
        b.constant("w", np.eye(4, dtype=np.int8), S8)
        b.add(Dense("fc", "x", "w", None, "y"), S32)
        graph = b.build(["y"])
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Op] = []
        self.tensors: dict[str, TensorType] = {}
        self.constants: dict[str, Array] = {}
        self.inputs: list[str] = []
        self.states: list[str] = []
        self.updates: dict[str, str] = {}

    def input(
        self, name: str, shape: Shape, dtype: IntType, quantization: Quantization | None = None
    ) -> str:
        """Declares a graph input with the shape of one sample; returns its name."""
        self.tensors[name] = TensorType(shape, dtype, quantization)
        self.inputs.append(name)
        return name

    def constant(
        self, name: str, value: Array, dtype: IntType, quantization: Quantization | None = None
    ) -> str:
        """Adds a constant; values must fit ``dtype`` (``build`` checks); returns its name."""
        self.tensors[name] = TensorType(value.shape, dtype, quantization)
        self.constants[name] = np.ascontiguousarray(value).astype(dtype.container)
        return name

    def state(
        self, name: str, initial: Array, dtype: IntType, quantization: Quantization | None = None
    ) -> str:
        """Declares a state that starts as ``initial``; returns its name. ``update`` completes it.

        Example: a sum over all steps of an input ``x``::

            b.state("total", np.zeros(4), S32)
            b.update("total", b.add(Add("add", ("total", "x"), "sum", (0, 0)), S32))
        """
        self.constant(f"{name}/initial", initial, dtype, quantization)
        self.tensors[name] = self.tensors[f"{name}/initial"]
        self.states.append(name)
        return name

    def update(self, state: str, name: str) -> None:
        """Makes ``name`` the value that ``state`` holds in the next inference."""
        self.updates[state] = name

    def add(
        self,
        op: Op,
        dtype: IntType,
        quantization: Quantization | None = None,
        shape: Shape | None = None,
    ) -> str:
        """Appends ``op`` with an output of ``dtype``; ``shape`` is only needed by ``Reshape``.

        Returns the output's name. Raises ``GraphError`` when shapes do not fit.
        """
        weight = constants(op)[0] if constants(op) else None
        inferred = output_shape(
            op,
            [self.tensors[name].shape for name in activations(op)],
            None if weight is None else self.tensors[weight].shape,
            shape or (),
        )
        self.tensors[op.output] = TensorType(inferred, dtype, quantization)
        self.nodes.append(op)
        return op.output

    def shape(self, name: str) -> Shape:
        """Shape of a tensor declared so far."""
        return self.tensors[name].shape

    def build(self, outputs: Sequence[str], metadata: Mapping[str, str] | None = None) -> Graph:
        """The verified graph; raises ``GraphError`` where a rule is broken."""
        if idle := [name for name in self.states if name not in self.updates]:
            raise GraphError(idle[0], "state has no next value; give one with update()")
        graph = Graph(
            name=self.name,
            nodes=tuple(self.nodes),
            tensors=self.tensors,
            constants=self.constants,
            inputs=tuple(self.inputs),
            outputs=tuple(outputs),
            metadata=metadata or {},
            states=tuple(
                State(name, self.updates[name], f"{name}/initial") for name in self.states
            ),
        )
        return verify(graph)
