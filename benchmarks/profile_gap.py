"""Why layers that are timed alone take longer than the network: ``python -m benchmarks.profile_gap
model.tflite ...``.

Everything runs in this process, in turns over all parts, so that what the machine does meanwhile
meets all of them; medians in microseconds. ``whole`` is the network in one file, ``alone`` the sum
of its layers in files of their own. Of the difference, ``calls`` is what the layers' calls cost but
for the one that the network pays too (layers less 1, times ``call``: a file that reshapes one
integer); ``pads`` what they cost that the runtime makes borders of the convolutions behind them.
``cache`` is by how much the layers become slower when each runs behind the others, in their order,
and finds its data where an inference would, and not behind itself: it would make the sum larger
still, so that it is no part of the gap. ``left`` is what calls and pads do not explain, as a share
of the whole; ``before`` was the gap that a profile showed, as the same share.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from hwkit import boards
from hwkit.flow.models import load
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.targets.edge import runtime as runtimes
from hwkit.targets.edge.emit import MODEL, emit, has_functions, single_layers
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.timing import empty_model, random_inputs, timed_parts

BOARDS = ("host_litert", "host_litert_builtin")
TURNS = 200
WARM_UP = 5

Invoke = Callable[[], None]


def opened(runtime: str, model: bytes, inputs: Sequence[Array]) -> Invoke:
    """One inference of a model that was fed."""
    found = runtimes.get(runtime).open(model, 1, 1)
    found.feed([x[0] for x in inputs])
    return found.invoke


def us(invoke: Invoke) -> float:
    start = perf_counter_ns()
    invoke()
    return (perf_counter_ns() - start) / 1000


def behind_itself(invoke: Invoke) -> float:
    """As a profile times it: with what it needs in the caches."""
    invoke()
    return us(invoke)


def row(graph: Graph, board: str) -> dict[str, Any]:
    """The parts of one network in one runtime."""
    description = boards.load(board)
    edge = description.edge
    assert edge is not None
    lowered = lower(graph, description)
    feeds = list(random_feeds(lowered.graph, 1, 0).values())
    network = opened(edge.runtime, emit(lowered).files[MODEL], feeds)
    call = opened(edge.runtime, empty_model(), [np.zeros((1, 1, 1), np.int8)])
    singles = list(single_layers(lowered.graph, has_functions(edge)))
    names = [op.name for op, _ in singles]
    layers = [
        opened(edge.runtime, model, random_inputs(lowered.graph, op)) for op, model in singles
    ]
    pairs = {
        tuple(op.name for op in ops): opened(
            edge.runtime, model, random_inputs(lowered.graph, ops[0])
        )
        for ops, model in timed_parts(lowered.graph, edge)
        if len(ops) > 1
    }
    for invoke in (network, call, *layers, *pairs.values()) * WARM_UP:
        invoke()
    wholes, calls = [], []
    alone: list[list[float]] = [[] for _ in layers]
    behind: list[list[float]] = [[] for _ in layers]
    together: dict[tuple[str, ...], list[float]] = {of: [] for of in pairs}
    for _ in range(TURNS):
        wholes.append(behind_itself(network))
        calls.append(behind_itself(call))
        for k, invoke in enumerate(layers):
            behind[k].append(us(invoke))
        for k, invoke in enumerate(layers):
            alone[k].append(behind_itself(invoke))
        for of, invoke in pairs.items():
            together[of].append(behind_itself(invoke))
    whole, one = median(wholes), median(calls)
    summed, in_turn = (sum(map(median, of)) for of in (alone, behind))
    called = (len(layers) - 1) * one
    by_name = dict(zip(names, map(median, alone), strict=True))
    pads = sum(
        sum(by_name[name] - one for name in of) - (median(times) - one)
        for of, times in together.items()
    )
    return {
        "network": graph.name,
        "board": board,
        "layers": len(layers),
        "whole": f"{whole:.2f}",
        "alone": f"{summed:.2f}",
        "call": f"{one:.3f}",
        "calls": f"{called:.2f}",
        "pads": f"{pads:.2f}",
        "cache": f"{in_turn - summed:.2f}",
        "before": f"{100 * (summed / whole - 1):+.1f} %",
        "left": f"{100 * ((summed - called - pads) / whole - 1):+.1f} %",
        "evidence": "measured",
    }


def main(files: list[str]) -> None:
    graphs = [load(Path(file)) for file in files]
    rows = [row(graph, board) for board in BOARDS for graph in graphs]
    for of in rows:
        print(of)
    write("profile_gap", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
