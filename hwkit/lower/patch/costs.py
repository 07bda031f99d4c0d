"""What stages and layers of a network cost: bytes that are alive, multiplications, and what
calling layers for parts of their maps costs beside these.

Memory is counted as ``peak`` has it, but as the sum of what is alive, each tensor rounded up to 16
bytes: what the memory planner then finds may be more by what does not fit together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.memory import MemoryPlan, aligned
from hwkit.lower.patch.peak import row_bytes, whole_bytes
from hwkit.lower.patch.spans import Reach, reach_of
from hwkit.lower.patch.turns import Stage
from hwkit.lower.schedule import Overlaps

CALL = 300
"""Multiplications that are done in the time in which a layer is called."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The layers ``first`` up to but without ``last``, by their places in the graph, as one stage:
    ``rows`` of the input a turn (``by_result``: of the last layer's output), ``columns`` of the
    result at once (0: all), ``again`` what is computed again; rows in pairs from the layer
    ``pairs_from`` on (None: nowhere). Of one layer with ``rows`` 0: that
    layer, computed whole."""

    first: int
    last: int
    rows: int = 0
    columns: int = 0
    again: tuple[str, ...] = ()
    by_result: bool = False
    pairs_from: int | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A tiling and what it costs: the most bytes alive while it runs, multiplications, and as many
    more ``besides`` as its calls are worth and the rows that kernels make for nothing."""

    tiling: Tiling
    size_bytes: int
    macs: int
    besides: int


@dataclass(frozen=True, eq=False)
class Costs:
    """A graph and how its memory is counted: ``streamed`` inputs come row by row, ``uncounted``
    tensors lie elsewhere, ``overlaps`` as for ``schedule``, ``scratch`` of layers by name and how
    many ``rows_at_once`` their kernels make, where that is more than one; layers in
    ``over_start`` may write over their input, parts of those in ``parts_over_start`` over the rows
    that they read; without
    ``strips`` stages are of whole rows, which is what a firmware runs. ``place`` plans the memory
    of stages of whole rows as a target's own build does; without it, see ``peak``. Tensors in
    ``packed_bytes`` take so many, and a row its share where that is whole bytes."""

    graph: Graph
    streamed: Collection[str] = ()
    uncounted: Collection[str] = ()
    overlaps: Overlaps = field(default_factory=dict)
    scratch: Mapping[str, int] = field(default_factory=dict)
    rows_at_once: Mapping[str, int] = field(default_factory=dict)
    strips: bool = True
    place: Callable[[Sequence[Stage]], MemoryPlan] | None = None
    packed_bytes: Mapping[str, int] = field(default_factory=dict)
    over_start: Collection[str] = ()
    parts_over_start: Collection[str] = ()

    @cached_property
    def reach(self) -> dict[str, Reach]:
        """Of the layers that a stage may have: none that reads or makes what a state holds."""
        held = {name for state in self.graph.states for name in (state.tensor, state.update)}
        free = [op for op in self.graph.nodes if not {op.output, *activations(op)} & held]
        found = {op.name: reach_of(self.graph, op) for op in free}
        return {name: reach for name, reach in found.items() if reach is not None}

    @cached_property
    def readers(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for k, op in enumerate(self.graph.nodes):
            for name in dict.fromkeys(activations(op)):
                found.setdefault(name, []).append(k)
        for name in self.graph.results:
            found.setdefault(name, []).append(len(self.graph.nodes))
        return found

    @cached_property
    def made(self) -> dict[str, int]:
        """By tensor the place of the layer that makes it; -1 of what is there before."""
        places = {op.output: k for k, op in enumerate(self.graph.nodes)}
        return dict.fromkeys(self.graph.sources, -1) | places

    @cached_property
    def macs(self) -> list[int]:
        return [macs(self.graph, op) for op in self.graph.nodes]

    @cached_property
    def row(self) -> dict[str, int]:
        return {name: self._row(name) for name in self.made}

    def _row(self, name: str) -> int:
        shape, packed = self.graph.tensors[name].shape, self.packed_bytes.get(name, 0)
        if packed and len(shape) == 3 and packed % shape[0] == 0:
            return packed // shape[0]
        return row_bytes(self.graph, name)

    def whole(self, name: str) -> int:
        """Bytes of a tensor that is there whole."""
        gone = name in self.uncounted or name in self.streamed
        return 0 if gone else aligned(self.packed_bytes.get(name) or whole_bytes(self.graph, name))

    def last_reader(self, name: str) -> int:
        return max(self.readers.get(name, [-1]))

    def around(self, first: int, last: int) -> int:
        """Bytes of what is alive while the layers ``first`` up to ``last`` run and is not made
        there, and of what they make that others read."""
        total = 0
        states = {state.tensor for state in self.graph.states}
        for name, place in self.made.items():
            end = self.last_reader(name)
            if name in states or (place < first <= end) or (first <= place < last <= end):
                total += self.whole(name)
        return total

    def results(self, first: int, last: int) -> list[str]:
        outputs = [op.output for op in self.graph.nodes[first:last]]
        return [name for name in outputs if self.last_reader(name) >= last]
