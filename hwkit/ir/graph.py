"""The graph: a topologically sorted tuple of ops, the types of all tensors, the constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from hwkit.ir.encode import save
from hwkit.ir.interpret import run
from hwkit.ir.network import State
from hwkit.ir.ops import Op, activations
from hwkit.ir.ops import constants as constants_of
from hwkit.ir.types import Array, TensorType

__all__ = ["Graph", "State"]


def _frozen(array: Array) -> Array:
    if array.flags.writeable:
        array = array.copy()
        array.setflags(write=False)
    return array


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Graph:
    """An immutable integer network; a pass returns a new one.

    ``tensors`` has the type of every input, constant, state and op output by name; ``constants``
    the read-only arrays in their container dtypes; ``metadata`` free text such as where it came
    from; ``states`` what one inference leaves for the next.
    """

    name: str
    nodes: tuple[Op, ...]
    tensors: Mapping[str, TensorType]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)
    states: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        constants = {name: _frozen(value) for name, value in self.constants.items()}
        object.__setattr__(self, "constants", MappingProxyType(constants))
        object.__setattr__(self, "tensors", MappingProxyType(dict(self.tensors)))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))

    def __repr__(self) -> str:
        """One line: what goes in and out, not every op and constant.

        Example: ``<Graph clamp: 1 node; x s8 (3,) -> y s8 (3,)>``.
        """

        def typed(names: tuple[str, ...]) -> str:
            return ", ".join(
                f"{name} {self.tensors[name].dtype} {self.tensors[name].shape}" for name in names
            )

        def counted(things: tuple[object, ...], what: str) -> str:
            return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"

        size = counted(self.nodes, "node")
        if self.states:
            size += f", {counted(self.states, 'state')}"
        return f"<Graph {self.name}: {size}; {typed(self.inputs)} -> {typed(self.outputs)}>"

    @property
    def sources(self) -> tuple[str, ...]:
        """What nodes can read before the first one has run: the inputs and the states' tensors."""
        return (*self.inputs, *(state.tensor for state in self.states))

    @property
    def results(self) -> tuple[str, ...]:
        """What an inference is for: the outputs and the states' next values, in this order. A pass
        keeps their names and integers; they are alive when the last node has run."""
        return (*self.outputs, *(state.update for state in self.states))

    def with_nodes(
        self,
        nodes: tuple[Op, ...],
        tensors: Mapping[str, TensorType] | None = None,
        constants: Mapping[str, Array] | None = None,
    ) -> Graph:
        """A copy with other nodes; tensors and constants that nothing names any more are dropped.

        ``tensors`` and ``constants`` replace the present ones where given.
        """
        tensors = self.tensors if tensors is None else tensors
        constants = self.constants if constants is None else constants
        used = {*self.sources, *self.results, *(state.initial for state in self.states)}
        for op in nodes:
            used |= {op.output, *activations(op), *constants_of(op)}
        return replace(
            self,
            nodes=nodes,
            tensors={k: v for k, v in tensors.items() if k in used},
            constants={k: v for k, v in constants.items() if k in used},
        )

    def predict(
        self, x: Array | Mapping[str, Array], *, reset_each: bool = False
    ) -> Array | dict[str, Array]:
        """Integers in, integers out, first axis the batch; see ``interpret.run``.

        A graph with one input takes an array and one with one output gives an array; otherwise
        mappings by tensor name. The samples of a graph with states are successive steps from the
        initial state; with ``reset_each`` every sample begins there.

        Example: ``graph.predict({"x": x, "skip": skip})["y"]``.
        """
        feeds = x if isinstance(x, Mapping) else {self.inputs[0]: np.asarray(x)}
        size = len(next(iter(feeds.values()))) if reset_each and feeds else 0
        if self.states and size > 1:
            each = [run(self, {n: v[k : k + 1] for n, v in feeds.items()}) for k in range(size)]
            results = {name: np.concatenate([one[name] for one in each]) for name in self.outputs}
        else:
            results = run(self, feeds)
        return results[self.outputs[0]] if len(self.outputs) == 1 else results

    def save(self, path: str) -> None:
        """Writes a ``.hwk`` file; see ``serialize.save``."""
        save(self, path)
