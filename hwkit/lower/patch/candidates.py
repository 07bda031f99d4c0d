"""The stages that a search chooses from, and what each costs.

A run of consecutive layers is computed by input (``by_input``, even), ``rows`` rows a turn, with
all halos kept or, in a chain, up to ``AGAIN`` tensors in a row computed again; a short one by
output, in a few large turns; or in strips of columns with all halos kept.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from hwkit.ir.ops import Op, activations
from hwkit.ir.traits import InPlace
from hwkit.lower.memory import aligned
from hwkit.lower.patch.costs import CALL, Costs, Edge, Tiling
from hwkit.lower.patch.labels import Segments
from hwkit.lower.patch.pace import Held, Pace, held, needed, pace, pace_by_result
from hwkit.lower.patch.spans import can_tile
from hwkit.lower.patch.strips import columns_of, strip_columns

ROWS = (1, 2, 4, 8)
"""Rows of input a turn that are tried."""
TURNS = (2, 3, 4, 6, 8, 12)
"""Into how many turns the rows of a result are divided that are tried."""
GROUP = (2, 4)
"""Rows of a result that kernels compute at once: turns have whole groups."""
SHORT = 6
"""The most layers of a stage whose result gives the pace."""
STRIPS = (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
"""Into how many strips the columns are divided that are tried."""
MOST_WORK = 50
"""The most multiplications, in percent of all, that a stage may add by computing rows again."""


def whole_layer(costs: Costs, k: int) -> Iterator[Edge]:
    op = costs.graph.nodes[k]
    if any(name in costs.streamed for name in activations(op)):
        return
    size = costs.around(k, k + 1) + aligned(costs.scratch.get(op.name, 0))
    dying = [name for name in activations(op) if costs.last_reader(name) == k]
    output = costs.whole(op.output)
    saved = [0]
    for name in dying:
        source = costs.whole(name)
        over_start = op.name in costs.over_start and output <= source
        if over_start or (isinstance(op, InPlace) and source == output):
            saved.append(output)
        elif name in (ahead := costs.overlaps.get(op.name, {})):
            saved.append(source + output - max(source + aligned(max(ahead[name], 0)), output))
    if costs.last_reader(op.output) < 0:
        size += output
    yield Edge(Tiling(k, k + 1), size - max(saved), costs.macs[k], CALL)


def end_of_run(costs: Costs, first: int) -> int:
    """The end of the longest run of layers from ``first`` that a stage can have."""
    last = first
    nodes = costs.graph.nodes
    while last < len(nodes) and nodes[last].name in costs.reach:
        last += 1
    return last


def in_strips_of(costs: Costs, first: int, end: int) -> Iterator[Edge]:
    nodes = costs.graph.nodes
    stage = Rows(costs, first, end, 1)
    for last in range(first + 2, end + 1):
        if not can_tile(costs.graph, nodes[last - 1], 1):
            return
        alone = costs.results(first, last) == [nodes[last - 1].output]
        if alone and not stage.sources(last) & set(costs.streamed):
            yield from stage.strips(last)


def by_result_of(costs: Costs, first: int, end: int) -> Iterator[Edge]:
    """The stages of a few layers from ``first`` on in a few large turns."""
    for last in range(first + 1, min(first + SHORT, end) + 1):
        op = costs.graph.nodes[last - 1]
        height = costs.graph.tensors[op.output].shape[0]
        tried = {-(-height // (n * group)) * group for n in TURNS for group in GROUP}
        for rows in sorted(tried):
            stage = ByResult(costs, first, last, rows)
            if rows < height and stage.reads_every_row():
                yield from stage.kept(last)


@dataclass
class Rows:
    """Stages from the layer ``first`` on, ``rows`` rows of their source a turn, and from the layer
    ``pairs_from`` on two at once."""

    costs: Costs
    first: int
    end: int
    rows: int
    pairs_from: int | None = None

    def in_pairs(self) -> Rows | None:
        """The same with pairs from the first layer on that would get and make one row a turn; None
        where there is none, or nothing before it that would not."""
        height = {
            name: tensor.shape[0]
            for name, tensor in self.costs.graph.tensors.items()
            if tensor.shape
        }
        most = max(height[name] for name in activations(self.nodes[0]))
        for k, op in enumerate(self.nodes):
            names = (*activations(op), op.output)
            if all(height[name] * self.rows <= most for name in names):
                return replace(self, pairs_from=self.first + k) if k else None
        return None

    @cached_property
    def nodes(self) -> Sequence[Op]:
        return self.costs.graph.nodes[self.first : self.end]

    @cached_property
    def pace(self) -> Pace:
        pairs = None if self.pairs_from is None else self.pairs_from - self.first
        return pace(self.costs.graph, self.nodes, self.costs.reach, self.rows, pairs)

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
        linked = all(activations(b) == (a.output,) for a, b in pairwise(run))
        return one and linked and len(self.costs.results(self.first, last)) == 1

    def kept(self, last: int) -> Iterator[Edge]:
        """The stage up to ``last`` that computes nothing again."""
        costs = self.costs
        streamed = self.sources(last) & set(costs.streamed)
        if all(costs.last_reader(name) < last for name in streamed):
            size = self.around(last) + self.inner(last, streamed, {})
            work = sum(costs.macs[self.first : last])
            yield Edge(self.tiling(last), size, work, self.besides(last))

    def tiling(self, last: int) -> Tiling:
        return Tiling(self.first, last, self.rows, pairs_from=self.pairs_from)

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
        over = [op.name in costs.parts_over_start for op in run]
        for label in self.segments.labels(len(run), row, per_row, scratch, most, over):
            again = tuple(names[k] for k in label.again)
            tiling = replace(self.tiling(last), again=again)
            size = around + label.size_bytes
            yield Edge(tiling, size, work + label.extra_macs, self.besides(last))

    def around(self, last: int) -> int:
        return self.costs.around(self.first, last) - self.over_source(last)

    def besides(self, last: int) -> int:
        """The calls of layers in all turns, and one more, so that a stage must be worth something;
        and rows that nobody wants of kernels that make several at once."""
        run = self.costs.graph.nodes[self.first : last]
        return CALL + sum(self.besides_of(op) for op in run)

    def besides_of(self, op: Op) -> int:
        if op.name not in self.of_layer:
            parts = [stop - start for start, stop in self.pace.spans(op.output) if stop > start]
            group = self.costs.rows_at_once.get(op.name, 1)
            whole = self.costs.graph.tensors[op.output].shape[0]
            wasted = sum(-rows % group for rows in parts) - (-whole % group)
            self.of_layer[op.name] = CALL * len(parts) + wasted * self.macs_per_row(op)
        return self.of_layer[op.name]

    @cached_property
    def of_layer(self) -> dict[str, int]:
        """``besides_of`` of layers that were asked for."""
        return {}

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
        alive = [aligned(costs.scratch.get(op.name, 0)) for op in run]
        for name in (*streamed, *(op.output for op in run if op.output not in results)):
            row = int(costs.row[name] * width.get(name, 1))
            key = (name, min(last, costs.last_reader(name) + 1))
            if key not in self.found:
                self.found[key] = self.held(*key)
            rows = self.found[key]
            halos += aligned(rows.kept * row)
            start = max(costs.made[name], self.first)
            # While a buffer is there, the bytes of its halo are free.
            arrives = name in costs.streamed
            own = aligned(rows.rows * row) - (0 if arrives else aligned(rows.kept * row))
            for k in range(start, min(costs.last_reader(name) + 1, last)):
                over = k == start and run[k - self.first].name in costs.parts_over_start
                alive[k - self.first] += 0 if over and k > self.first else own
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
            ahead = aligned(self.ahead(name, result, last))
            saved = max(saved, source + output - max(source + ahead, output))
        return saved

    def ahead(self, source: str, result: str, last: int) -> int:
        """How many bytes before ``source`` the result must start, so that no row of the source is
        written over that is still to be read; see ``schedule``."""
        costs = self.costs
        readers = [k for k in costs.readers[source] if self.first <= k < last]
        before = max(readers) < costs.made[result]
        made = [costs.graph.nodes[k] for k in readers]
        read = [needed(costs.reach[op.name], self.pace.spans(op.output)) for op in made]
        end = costs.graph.tensors[source].shape[0]
        found = 0
        spans = self.pace.spans(result)
        for turn in range(len(spans) - 1, -1, -1):
            firsts = (spans[turn] for spans in read)
            now = min([end, *(first for first, stop in firsts if stop > first)])
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
        besides = self.besides(last)
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
            inner += aligned(row * max(stop - start for start, stop in self.pace.spans(result)))
            work = sum(
                costs.macs[self.first + k] * total[op.output] // graph.tensors[op.output].shape[1]
                for k, op in enumerate(run)
            )
            tiling = Tiling(self.first, last, 1, columns)
            yield Edge(tiling, around + inner, work, besides * len(strips))


@dataclass
class ByResult(Rows):
    """The layers ``first`` up to ``end``, ``rows`` rows of their result a turn."""

    @cached_property
    def pace(self) -> Pace:
        return pace_by_result(self.costs.graph, self.nodes, self.costs.reach, self.rows)

    def tiling(self, last: int) -> Tiling:
        return Tiling(self.first, last, self.rows, by_result=True)

    def reads_every_row(self) -> bool:
        """Whether no layer steps over rows of its input, which then would have to be left out."""
        reach = (self.costs.reach[op.name] for op in self.nodes)
        return not any(one.rows or one.stride > one.extent for one in reach)
