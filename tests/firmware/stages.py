"""Random stages of random networks, each part computed by kernels: tiled is whole, in the planned
memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.layers import Layers
from hwkit import boards
from hwkit.flow import boundary
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Concat, MaxPool2d, Op, Padding, activations
from hwkit.ir.types import S8, Array
from hwkit.lower import memory, memory_lowest
from hwkit.lower.memory_packing import Problem, first_fit
from hwkit.lower.patch.turns import Part
from hwkit.targets.mcu.lower import lower
from tests.conformance.graphs import feeds_for
from tests.firmware.kernels.driver import Driver
from tests.lower.patch.arena import Arena, alone
from tests.targets.mcu.staged import random_stages


def network(random: Random) -> Graph:
    """Layers with windows over a map of a few columns, so that stages have halos: sums and joins
    with maps from before, strides, padding on some sides, several outputs."""
    b = GraphBuilder("network")
    n = Layers(b, np.random.default_rng(random.randrange(1 << 30)))
    maps = [b.input("x", (random.randint(8, 16), random.randint(2, 5), random.randint(1, 4)), S8)]
    for k in range(random.randint(3, 8)):
        x = random.choice(maps[-2:])
        maps.append(_layer(random, n, f"n{k}", x, maps))
    outputs = {maps[-1], *(random.choice(maps[1:]) for _ in range(random.randint(0, 1)))}
    return b.build([name for name in maps if name in outputs])


def _layer(random: Random, n: Layers, name: str, x: str, maps: list[str]) -> str:
    b, (height, width, channels) = n.b, n.b.shape(x)
    kernel, stride = random.choice((1, 2, 3, 3, 5)), random.choice((1, 1, 2))
    largest = kernel - 1
    pad = Padding(*(random.randint(0, largest) for _ in range(4)))
    if height + pad.top + pad.bottom < kernel or width + pad.left + pad.right < kernel:
        pad = Padding(largest, largest, largest, largest)
    others = [y for y in maps if y != x and b.shape(y)[:2] == (height, width)]
    kind = random.choice(("conv", "conv", "depthwise", "depthwise", "pool", "add", "join"))
    if kind == "depthwise":
        return n.depthwise(x, name, kernel, stride, pad)
    if kind == "pool":
        op = MaxPool2d(name, x, f"{name}.y", (kernel, kernel), (stride, stride), pad)
        return b.add(op, S8, b.tensors[x].quantization)
    if kind == "add" and (same := [y for y in others if b.shape(y)[2] == channels]):
        return n.add(name, x, random.choice(same))
    if kind == "join" and others:
        return b.add(Concat(name, (x, random.choice(others)), f"{name}.y", 2), S8)
    return n.conv(x, name, random.randint(1, 8), kernel, stride, pad)


@dataclass
class Kernels:
    """The kernels of ``driver`` over the rows of maps whose integers are known, one sample each in
    ``whole``. What reads the same rows makes the same: it is computed once."""

    driver: Driver
    whole: Mapping[str, Array]
    known: set[tuple[str, Part | None]] = field(default_factory=set)

    def __call__(
        self, graph: Graph, op: Op, part: Part | None, values: Mapping[str, Array]
    ) -> Array:
        """The output of ``op`` or a part of it, from ``values`` that are those of the whole."""
        made: Array = self.whole[op.output]
        for k, name in enumerate(activations(op)):
            read = self.whole[name]
            if part is not None:
                read = read[part.reads[k].rows.start : part.reads[k].rows.stop]
            assert np.array_equal(values[name], read), (graph, op, part, name)
        if part is not None:
            made = made[part.rows.start : part.rows.stop]
        if (op.name, part) not in self.known:
            single = alone(graph, op, part)
            got = self.driver.layer(single, single.nodes[0], values, overlapping=True)
            assert np.array_equal(got, made), (graph, op, part)
            self.known.add((op.name, part))
        return made


@contextmanager
def placed_anyhow(random: Random) -> Iterator[None]:
    """Memory plans by first fit in any order, instead of the lowest that a search finds: quick, and
    legal ones that no search would take are tried too."""

    def placed(
        problem: Problem, start: Sequence[int], loose: Problem, home: Sequence[int]
    ) -> memory_lowest.Placed:
        order = random.sample(range(len(home)), len(home))
        return memory_lowest.Placed(tuple(first_fit(loose, order)), 0)

    def anew(kind: type, key: object, make: Callable[[], Any], legal: object) -> Any:
        return make()

    with (
        patch.object(memory_lowest, "_placed", placed),
        patch.object(memory_lowest, "remembered", anew),
        patch.object(memory, "remembered", anew),
    ):
        yield


def check(driver: Driver, networks: int, cases: int) -> int:
    """``cases`` random choices of stages, rows, and halos for each of so many networks; in how many
    of them a halo was kept."""
    kept = 0
    for seed in range(networks):
        random = Random(seed)
        graph = network(random)
        lowered = lower(graph, boards.load("virtual_m4")).graph
        feeds = boundary.enter(graph, lowered, feeds_for(graph, 1, seed))
        names = [op.output for op in lowered.nodes]
        whole = {name: x[0] for name, x in (feeds | run(lowered, feeds, names)).items()}
        compute = Kernels(driver, whole)
        for _ in range(cases):
            found = random_stages(lowered, random)
            with placed_anyhow(random):
                arena = Arena(lowered, found, feeds, compute)
            got = arena.results()
            assert all(np.array_equal(got[name], whole[name]) for name in lowered.results)
            kept += any(stage.kept(name) > 0 for stage in found for name in stage.buffers)
    return kept
