"""All plans of a network in stages that are worth having: fewer bytes for more work, or the reverse.

The model. Stages are runs of consecutive layers; what is not in one is computed whole. A run is
computed by input (``by_input``, even), ``rows`` rows a turn, each tensor of a chain kept or, up to
``AGAIN`` of them in a row, computed again; or in strips of columns with all halos kept. Memory is
counted as ``peak`` has it, as the sum of what is alive, each tensor rounded up to 16 bytes: what
the memory planner then finds may be more by what does not fit together. Under this model the front
is exact: a plan is a path over the layers, and for each limit of bytes the cheapest path along
stages below it is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.traits import InPlace
from hwkit.lower.memory import ALIGNMENT_BYTES
from hwkit.lower.patch.labels import Segments
from hwkit.lower.patch.pace import Held, Pace, Reach, held, needed, pace, reach_of
from hwkit.lower.patch.peak import row_bytes, whole_bytes
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.strips import columns_of, strip_columns
from hwkit.lower.schedule import Overlaps

ROWS = (1, 2, 4, 8)
"""Rows of input a turn that are tried."""
STRIPS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Into how many strips the columns are divided that are tried."""
MOST_WORK = 50
"""The most multiplications, in percent of all, that a stage may add by computing rows again."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The layers ``first`` up to but without ``last``, by their places in the graph, as one stage:
    ``rows`` of the input a turn, ``columns`` of the result at once (0: all), ``again`` what is
    computed again. Of one layer with ``rows`` 0: that layer, computed whole."""

    first: int
    last: int
    rows: int = 0
    columns: int = 0
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A tiling and what it costs: the most bytes alive while it runs, multiplications, and how
    often a layer is called."""

    tiling: Tiling
    size_bytes: int
    macs: int
    calls: int


@dataclass(frozen=True, slots=True)
class Path:
    """Tilings of all layers, in order."""

    tilings: tuple[Tiling, ...]
    size_bytes: int
    macs: int
    calls: int


def rounded(size: int) -> int:
    """``size`` bytes with those that alignment adds."""
    return -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES


@dataclass(frozen=True)
class Costs:
    """A graph and how its memory is counted: ``streamed`` inputs come row by row, ``uncounted``
    tensors lie elsewhere, ``overlaps`` as for ``schedule``, ``scratch`` of layers by name."""

    graph: Graph
    streamed: Collection[str] = ()
    uncounted: Collection[str] = ()
    overlaps: Overlaps = field(default_factory=dict)
    scratch: Mapping[str, int] = field(default_factory=dict)

    @cached_property
    def reach(self) -> dict[str, Reach]:
        found = {op.name: reach_of(self.graph, op) for op in self.graph.nodes}
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
        return {name: row_bytes(self.graph, name) for name in self.made}

    def whole(self, name: str) -> int:
        """Bytes of a tensor that is there whole."""
        gone = name in self.uncounted or name in self.streamed
        return 0 if gone else rounded(whole_bytes(self.graph, name))

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


def edges(costs: Costs) -> list[Edge]:
    """Every layer by itself, and every stage that can be part of a plan on the front."""
    nodes = costs.graph.nodes
    found = [edge for k in range(len(nodes)) for edge in _plain(costs, k)]
    starts = [(k, end) for k in range(len(nodes)) if (end := _runs(costs, k)) > k]
    paces = [_Rows(costs, first, end, rows) for first, end in starts for rows in ROWS]
    found += [e for p in paces for last in range(p.first + 1, p.end + 1) for e in p.kept(last)]
    # What costs more work wants fewer bytes than the best plan that costs none.
    limit = _fewest_bytes_for_no_more(costs, found)
    more = [e for first, end in starts for e in _in_strips(costs, first, end)]
    more += [e for p in paces for last in range(p.first + 2, p.end + 1) for e in p.again(last, limit)]
    by_run: dict[tuple[int, int], list[Edge]] = {}
    for edge in (*found, *(edge for edge in more if edge.size_bytes < limit)):
        by_run.setdefault((edge.tiling.first, edge.tiling.last), []).append(edge)
    return [edge for run in by_run.values() for edge in _undominated(run)]


def _fewest_bytes_for_no_more(costs: Costs, found: Sequence[Edge]) -> int:
    size: int | None = None
    while path := cheapest(costs, found, None if size is None else size - 1):
        size = path.size_bytes
    return 0 if size is None else size


def front(costs: Costs, found: Sequence[Edge] | None = None) -> tuple[Path, ...]:
    """The plans that no other beats in bytes and work, the one with most bytes first."""
    found = edges(costs) if found is None else found
    plans: list[Path] = []
    limit: int | None = None
    while (path := cheapest(costs, found, limit)) is not None:
        while (smaller := cheapest(costs, found, path.size_bytes - 1)) is not None and (
            smaller.macs <= path.macs
        ):
            path = smaller
        plans.append(path)
        limit = path.size_bytes - 1
    return tuple(plans)


def cheapest(costs: Costs, found: Sequence[Edge], limit: int | None = None) -> Path | None:
    """The path of least work along edges of at most ``limit`` bytes, or None."""
    count = len(costs.graph.nodes)
    best: list[tuple[int, int, int, Edge | None] | None] = [None] * (count + 1)
    best[0] = (0, 0, 0, None)
    for edge in sorted(found, key=lambda edge: edge.tiling.first):
        before = best[edge.tiling.first]
        if before is None or (limit is not None and edge.size_bytes > limit):
            continue
        work = (before[0] + edge.macs, before[1] + edge.calls, max(before[2], edge.size_bytes))
        there = best[edge.tiling.last]
        if there is None or work < there[:3]:
            best[edge.tiling.last] = (*work, edge)
    end = best[count]
    if end is None:
        return None
    tilings: list[Tiling] = []
    place = count
    while (step := best[place]) is not None and (edge := step[3]) is not None:
        tilings.append(edge.tiling)
        place = edge.tiling.first
    return Path(tuple(reversed(tilings)), end[2], end[0], end[1])


def _undominated(run: list[Edge]) -> list[Edge]:
    kept: list[Edge] = []
    for edge in sorted(run, key=lambda e: (e.size_bytes, e.macs, e.calls)):
        if not any((e.macs, e.calls) <= (edge.macs, edge.calls) for e in kept):
            kept.append(edge)
    return kept


def _plain(costs: Costs, k: int) -> Iterator[Edge]:
    op = costs.graph.nodes[k]
    if any(name in costs.streamed for name in activations(op)):
        return
    size = costs.around(k, k + 1) + rounded(costs.scratch.get(op.name, 0))
    dying = [name for name in activations(op) if costs.last_reader(name) == k]
    output = costs.whole(op.output)
    saved = [0]
    for name in dying:
        source = costs.whole(name)
        if isinstance(op, InPlace) and source == output:
            saved.append(output)
        elif name in (ahead := costs.overlaps.get(op.name, {})):
            saved.append(source + output - max(source + rounded(max(ahead[name], 0)), output))
    if costs.last_reader(op.output) < 0:
        size += output
    yield Edge(Tiling(k, k + 1), size - max(saved), costs.macs[k], 1)


def _runs(costs: Costs, first: int) -> int:
    """The end of the longest run of layers from ``first`` that a stage can have."""
    last = first
    nodes = costs.graph.nodes
    while last < len(nodes) and nodes[last].name in costs.reach:
        last += 1
    return last


def _in_strips(costs: Costs, first: int, end: int) -> Iterator[Edge]:
    nodes = costs.graph.nodes
    stage = _Rows(costs, first, end, 1)
    for last in range(first + 2, end + 1):
        if not can_tile(costs.graph, nodes[last - 1], 1):
            return
        alone = costs.results(first, last) == [nodes[last - 1].output]
        if alone and not stage.sources(last) & set(costs.streamed):
            yield from stage.strips(last)


@dataclass
class _Rows:
    """Stages from the layer ``first`` on, ``rows`` rows of their source a turn."""

    costs: Costs
    first: int
    end: int
    rows: int

    @cached_property
    def nodes(self) -> Sequence[Op]:
        return self.costs.graph.nodes[self.first : self.end]

    @cached_property
    def pace(self) -> Pace:
        return pace(self.costs.graph, self.nodes, self.costs.reach, self.rows)

    @cached_property
    def segments(self) -> Segments:
        names = [activations(self.nodes[0])[0], *(op.output for op in self.nodes)]
        reach = [self.costs.reach[op.name] for op in self.nodes]
        return Segments(reach, [self.pace.spans(name) for name in names])

    def sources(self, last: int) -> set[str]:
        run = self.costs.graph.nodes[self.first : last]
        return {name for op in run for name in activations(op)} - {op.output for op in run}

    def is_chain(self, last: int) -> bool:
        """Whether each layer reads what the one before makes and nothing else."""
        run = self.costs.graph.nodes[self.first : last]
        one = all(len(activations(op)) == 1 for op in run)
        linked = all(a.output == b.input for a, b in zip(run, run[1:], strict=False) if one)  # type: ignore[union-attr]
        return one and linked and len(self.costs.results(self.first, last)) == 1

    def kept(self, last: int) -> Iterator[Edge]:
        """The stage up to ``last`` that computes nothing again."""
        costs = self.costs
        streamed = self.sources(last) & set(costs.streamed)
        if all(costs.last_reader(name) < last for name in streamed):
            size = self.around(last) + self.inner(last, streamed, {})
            work = sum(costs.macs[self.first : last])
            yield Edge(Tiling(self.first, last, self.rows), size, work, self.all_calls(last))

    def again(self, last: int, limit: int) -> Iterator[Edge]:
        """The stages of fewer than ``limit`` bytes that compute some tensors again; of chains."""
        costs = self.costs
        streamed = self.sources(last) & set(costs.streamed)
        if not self.is_chain(last) or any(costs.last_reader(name) >= last for name in streamed):
            return
        run = costs.graph.nodes[self.first : last]
        names = [activations(run[0])[0], *(op.output for op in run)]
        row = [costs.row[name] for name in names]
        row[0] *= bool(streamed)
        row[-1] = 0
        per_row = [self.macs_per_row(op) for op in run]
        scratch = [costs.scratch.get(op.name, 0) for op in run]
        work, around = sum(costs.macs[self.first : last]), self.around(last)
        most = (limit - around, MOST_WORK * sum(costs.macs) // 100)
        for label in self.segments.labels(len(run), row, per_row, scratch, most):
            again = tuple(names[k] for k in label.again)
            tiling = Tiling(self.first, last, self.rows, 0, again)
            size = around + label.size_bytes
            yield Edge(tiling, size, work + label.extra_macs, self.all_calls(last))

    def around(self, last: int) -> int:
        return self.costs.around(self.first, last) - self.over_source(last)

    def all_calls(self, last: int) -> int:
        """Calls of layers in all turns, and one more, so that a stage must be worth something."""
        return 1 + sum(self.calls(op) for op in self.costs.graph.nodes[self.first : last])

    def calls(self, op: Op) -> int:
        return sum(stop > start for start, stop in self.pace.spans(op.output))

    def macs_per_row(self, op: Op) -> int:
        rows = self.costs.graph.tensors[op.output].shape[0]
        return self.costs.macs[self.costs.made[op.output]] // rows

    def inner(self, last: int, streamed: Collection[str], width: Mapping[str, float]) -> int:
        """Halos, and the most of buffers at once, when all halos are kept; ``width`` has the share
        of its columns that a map has, where it is less than 1."""
        costs = self.costs
        run = costs.graph.nodes[self.first : last]
        results = costs.results(self.first, last)
        halos = 0
        alive = [rounded(costs.scratch.get(op.name, 0)) for op in run]
        for name in (*streamed, *(op.output for op in run if op.output not in results)):
            row = int(costs.row[name] * width.get(name, 1))
            key = (name, min(last, costs.last_reader(name) + 1))
            if key not in self.found:
                self.found[key] = self.held(*key)
            rows = self.found[key]
            halos += rounded(rows.kept * row)
            start = max(costs.made[name], self.first)
            for k in range(start, min(costs.last_reader(name) + 1, last)):
                alive[k - self.first] += rounded(rows.rows * row)
        return halos + max(alive)

    @cached_property
    def found(self) -> dict[tuple[str, int], Held]:
        """What was computed of a tensor, by its name and where the stage or its readers end."""
        return {}

    def held(self, name: str, last: int) -> Held:
        places = (k for k in self.costs.readers[name] if self.first <= k < last)
        readers = [self.costs.graph.nodes[k] for k in places]
        read = [needed(self.costs.reach[op.name], self.pace.spans(op.output)) for op in readers]
        return held(self.pace.spans(name), read)

    def over_source(self, last: int) -> int:
        """Bytes saved where the only result lies over the rows of a source that have been read."""
        costs = self.costs
        results = costs.results(self.first, last)
        if len(results) != 1:
            return 0
        (result,) = results
        saved = 0
        for name in self.sources(last):
            if name in costs.uncounted or name in costs.streamed or costs.last_reader(name) >= last:
                continue
            source, output = costs.whole(name), costs.whole(result)
            ahead = rounded(self.ahead(name, result, last))
            saved = max(saved, source + output - max(source + ahead, output))
        return saved

    def ahead(self, source: str, result: str, last: int) -> int:
        """See ``peak.reads_ahead``."""
        costs = self.costs
        readers = [k for k in costs.readers[source] if self.first <= k < last]
        before = max(readers) < costs.made[result]
        starts = [
            [
                first if stop > first else None
                for first, stop in needed(
                    costs.reach[costs.graph.nodes[k].name],
                    self.pace.spans(costs.graph.nodes[k].output),
                )
            ]
            for k in readers
        ]
        end = costs.graph.tensors[source].shape[0]
        found = 0
        spans = self.pace.spans(result)
        for turn in range(len(spans) - 1, -1, -1):
            now = min([end, *(s[turn] for s in starts if s[turn] is not None)])  # type: ignore[type-var]
            still = end if before else now
            stop = spans[turn][1]
            found = max(found, stop * costs.row[result] - still * costs.row[source])
            end = now
        return found

    def strips(self, last: int) -> Iterator[Edge]:
        """The stages up to ``last`` in strips of columns, all halos kept."""
        costs = self.costs
        graph = costs.graph
        run = graph.nodes[self.first : last]
        result = run[-1].output
        wide = graph.tensors[result].shape[1]
        around = costs.around(self.first, last)
        calls = self.all_calls(last)
        for columns in dict.fromkeys(-(-wide // count) for count in STRIPS if count <= wide):
            most: dict[str, int] = {}
            total: dict[str, int] = {}
            strips = strip_columns(wide, columns)
            for strip in strips:
                for name, span in columns_of(graph, run, strip).items():
                    most[name] = max(most.get(name, 0), len(span))
                    total[name] = total.get(name, 0) + len(span)
            share = {name: most[name] / graph.tensors[name].shape[1] for name in most}
            inner = self.inner(last, self.sources(last), share)
            row = int(costs.row[result] * share[result])
            inner += rounded(row * max(stop - start for start, stop in self.pace.spans(result)))
            work = sum(
                costs.macs[self.first + k] * total[op.output] // graph.tensors[op.output].shape[1]
                for k, op in enumerate(run)
            )
            tiling = Tiling(self.first, last, 1, columns)
            yield Edge(tiling, around + inner, work, calls * len(strips))
