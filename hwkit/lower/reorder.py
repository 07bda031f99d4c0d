"""An order of the layers that needs less memory at its peak.

Which tensors are alive after some layers have run depends on the set of those layers alone, not
on their order. So the best order is a path through such sets, from none to all, whose highest
step is lowest: found by trying the lowest step first (COSMA, Pellauer et al., 2023, puts order
and placement into one integer program; here the placement follows by itself).
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add, Clamp, Lookup, Op, Requantize, Reshape, activations
from hwkit.lower.remembered import remembered

MOST_SETS = 150_000
"""Sets of layers looked at before the search settles for a good order: about a second."""


@dataclass(frozen=True, slots=True)
class Order:
    """Layers in order, and the most bytes alive at once in it; ``optimal`` when no order has a
    lower peak."""

    nodes: tuple[Op, ...]
    peak_bytes: int
    optimal: bool


def reorder(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    most_sets: int = MOST_SETS,
) -> Graph:
    """``graph`` in the order of ``best_order``, or as it is when that has no lower peak."""
    order = best_order(graph, tensor_bytes, scratch_bytes, most_sets)
    return graph.with_nodes(order.nodes)


def best_order(
    graph: Graph,
    tensor_bytes: Mapping[str, int],
    scratch_bytes: Mapping[str, int],
    most_sets: int = MOST_SETS,
) -> Order:
    """The order with the lowest peak that was found; the present one if none is lower.

    ``tensor_bytes`` and ``scratch_bytes`` as for ``plan_memory``. Exact if at most ``most_sets``
    sets of layers had to be looked at, else greedy from the largest set reached.

    Example: from x (10 bytes) two branches, one to 100 and back to 1 byte, one to 90 bytes, are
    joined: with that branch first the peak is 111 bytes, the other way round 200.
    """
    work = _Work(graph, tensor_bytes, scratch_bytes)
    present = tuple(range(len(graph.nodes)))
    peak = work.peak(present)
    if work.chain() or peak == work.least():
        return Order(graph.nodes, peak, True)
    found = remembered(
        _Path, [work.facts(), most_sets], lambda: _search(work, most_sets), work.legal
    )
    lowest = work.peak(found.layers)
    if lowest >= peak:
        return Order(graph.nodes, peak, peak == found.bound)
    return Order(tuple(graph.nodes[k] for k in found.layers), lowest, lowest == found.bound)


@dataclass(frozen=True, slots=True)
class _Path:
    """Layers by number, each after those that it needs, and a peak that no order is below."""

    layers: tuple[int, ...]
    bound: int


class _Work:
    """Sets of layers as bit masks: what is ready after a set, and what a step needs."""

    def __init__(
        self, graph: Graph, tensor_bytes: Mapping[str, int], scratch_bytes: Mapping[str, int]
    ) -> None:
        makers = {op.output: k for k, op in enumerate(graph.nodes)}
        self.count = len(graph.nodes)
        self.needs = [0] * self.count
        self.scratch = [scratch_bytes.get(op.name, 0) for op in graph.nodes]
        self.inputs: list[tuple[str, ...]] = []
        self.outputs = [op.output for op in graph.nodes]
        self.sizes = tensor_bytes
        self.readers = dict.fromkeys((*graph.sources, *makers), 0)
        self.kept = {*graph.results, *(state.tensor for state in graph.states)}
        self.in_place = [_may_overwrite(op) for op in graph.nodes]
        self.sources = graph.sources
        for k, op in enumerate(graph.nodes):
            names = tuple(dict.fromkeys(activations(op)))
            self.inputs.append(names)
            for name in names:
                self.readers[name] |= 1 << k
                if name in makers:
                    self.needs[k] |= 1 << makers[name]

    def facts(self) -> list[object]:
        """All that an order depends on, as numbers: names don't count."""
        number = {name: k for k, name in enumerate(self.readers)}
        return [
            [self.sizes[name] for name in number],
            [[number[name] for name in names] for names in self.inputs],
            [number[name] for name in self.outputs],
            sorted(number[name] for name in self.kept),
            [number[name] for name in self.sources],
            self.scratch,
            self.in_place,
        ]

    def legal(self, path: _Path) -> bool:
        """Whether every layer is there once, behind all that it needs."""
        done = 0
        for k in path.layers:
            if not 0 <= k < self.count or done >> k & 1 or self.needs[k] & ~done:
                return False
            done |= 1 << k
        return done == (1 << self.count) - 1

    def chain(self) -> bool:
        """Whether each layer needs the one before: then there is one order."""
        return all(self.needs[k] >> (k - 1) & 1 for k in range(1, self.count))

    def ready(self, done: int) -> list[int]:
        """Layers that can come next."""
        return [
            k for k, needs in enumerate(self.needs) if not done >> k & 1 and needs & done == needs
        ]

    def dies(self, name: str, done: int) -> bool:
        """Whether nobody reads ``name`` once the set has run."""
        return name not in self.kept and self.readers[name] & ~done == 0

    def start(self) -> int:
        """Bytes alive before the first layer."""
        return sum(self.sizes[name] for name in self.sources)

    def step(self, k: int, done: int, alive: int) -> tuple[int, int]:
        """Bytes needed while layer ``k`` runs after ``done``, and alive when it has."""
        after = done | 1 << k
        output = self.outputs[k]
        dying = [name for name in self.inputs[k] if self.dies(name, after)]
        written = self.sizes[output]
        if self.in_place[k] and any(self.sizes[name] == written for name in dying):
            written = 0
        needed = alive + written + self.scratch[k]
        left = alive + self.sizes[output] - sum(self.sizes[name] for name in dying)
        if self.dies(output, after):
            left -= self.sizes[output]
        return needed, left

    def least(self) -> int:
        """No order needs fewer bytes: its inputs, and each layer with what it reads and writes."""
        most = self.start()
        for k, output in enumerate(self.outputs):
            needed = self.scratch[k] + sum(self.sizes[name] for name in self.inputs[k])
            most = max(most, needed if self.in_place[k] else needed + self.sizes[output])
        return most

    def peak(self, order: tuple[int, ...]) -> int:
        """Most bytes needed by any layer of an order."""
        done, alive, most = 0, self.start(), self.start()
        for k in order:
            needed, alive = self.step(k, done, alive)
            most, done = max(most, needed), done | 1 << k
        return most


def _may_overwrite(op: Op) -> bool:
    """Whether the output may take over the bytes of an input that dies here."""
    return isinstance(op, Reshape | Requantize | Clamp | Lookup | Add)


def _search(work: _Work, most_sets: int) -> _Path:
    """The path with the lowest highest step, the set with the lowest one first, and a peak that
    no order is below; when there are too many sets, the path goes on with the cheapest step each
    time from the largest set reached."""
    whole = (1 << work.count) - 1
    best = {0: work.start()}
    came: dict[int, tuple[int, int]] = {}
    alive = {0: work.start()}
    queue = [(work.start(), 0, 0)]
    furthest, bound = 0, 0
    while queue:
        peak, _, done = heapq.heappop(queue)
        if done == whole:
            return _Path(_path(came, whole), peak)
        if peak > best[done]:
            continue
        bound = peak  # Every set that is left was reached over a step as high as this, or higher.
        if len(best) > most_sets:
            break
        if done.bit_count() > furthest.bit_count():
            furthest = done
        for k in work.ready(done):
            needed, left = work.step(k, done, alive[done])
            after, highest = done | 1 << k, max(peak, needed)
            if highest < best.get(after, highest + 1):
                best[after], came[after], alive[after] = highest, (done, k), left
                heapq.heappush(queue, (highest, -after.bit_count(), after))
    path = _greedy(work, furthest, alive[furthest], _path(came, furthest))
    return _Path(path, bound)


def _path(came: Mapping[int, tuple[int, int]], done: int) -> tuple[int, ...]:
    """The layers that led to a set."""
    layers = []
    while done:
        done, k = came[done]
        layers.append(k)
    return tuple(reversed(layers))


def _greedy(work: _Work, done: int, alive: int, path: tuple[int, ...]) -> tuple[int, ...]:
    """``path`` completed: each time the layer that leaves least alive, least needed on a tie."""
    layers = list(path)
    while ready := work.ready(done):
        steps = {k: work.step(k, done, alive) for k in ready}
        k = min(ready, key=lambda k: (steps[k][1], steps[k][0], k))
        layers.append(k)
        alive, done = steps[k][1], done | 1 << k
    return tuple(layers)
