"""Random graphs as folded cores, every integer and cycle: python -m benchmarks.rtl_random [COUNT]

COUNT graphs (200 unless said otherwise) of the conformance tests' space, with offsets, each in a
random folding; every tensor of every sample is compared with the interpreter, with and without
waiting on both sides, and predicted cycles with simulated ones. The figures do not depend on the
machine.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from benchmarks.csvfile import write
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import rescales
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.simulate import simulate
from tests.conformance.graphs import feeds_for, graphs
from tests.conformance.test_rtl import RTL
from tests.targets.rtl import together

COUNT = 200
SAMPLES = 12
AT_ONCE = 20
"""Cores that share a program."""


_NOT_RUN = {
    "offsets": "",
    "integers": 0,
    "differing": 0,
    "predicted_latency_cycles": "",
    "latency_cycles": "",
    "evidence": "simulated",
}


def drawn(count: int) -> list[Graph]:
    """The first graphs of a fixed seed."""
    found: list[Graph] = []

    @seed(8)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs(RTL), st.integers())
    def collect(graph: Graph, _: int) -> None:
        found.append(graph)

    collect()
    return found[:count]


def compared(graph: Graph, core: Core, k: int, program: Path, number: int) -> dict[str, Any]:
    """Core ``k`` of ``program`` against the interpreter."""
    x = feeds_for(graph, SAMPLES, number)
    mine = together.tapped(core, k)
    y = run(graph, x, keep=[*graph.outputs, *mine.taps])
    feeds = [x[name] for name in graph.inputs]
    integers = differing = 0
    for waits in (0, 1):
        done = simulate(mine, program, feeds, seed=waits, taps=True, arguments=[f"+select={k}"])
        got = {tensor: done.seen[name][1] for tensor, (name, _) in mine.taps.items()}
        got |= {name: z.reshape(-1) for name, z in zip(graph.outputs, done.y, strict=True)}
        for tensor, values in got.items():
            integers += values.size
            differing += int((values != y[tensor].reshape(-1)).sum())
        if not waits:
            latency = done.latency_cycles
    return {
        "graph": number,
        "ops": " ".join(type(op).__name__ for op in graph.nodes),
        "offsets": sum(any(r.offset) for op in graph.nodes for r in rescales(op)),
        "integers": integers,
        "differing": differing,
        "predicted_latency_cycles": core.latency_cycles,
        "latency_cycles": latency,
        "refused": "",
        "evidence": "simulated",
    }


def main(count: int) -> None:
    """Writes ``rtl_random.csv`` after each program; one line a graph."""
    rows: list[dict[str, Any]] = []
    made: list[tuple[int, Graph, Core]] = []
    for number, graph in enumerate(drawn(count)):
        fused = apply(graph, fuse_requantize)
        try:
            made.append((number, fused, together.random_folding(fused, number)[0]))
        except UnsupportedOp as error:
            ops = " ".join(type(op).__name__ for op in fused.nodes)
            rows.append({"graph": number, "ops": ops, **_NOT_RUN, "refused": str(error)})
    for first in range(0, len(made), AT_ONCE):
        some = made[first : first + AT_ONCE]
        with tempfile.TemporaryDirectory() as folder:
            program = together.build([core for _, _, core in some], Path(folder))
            for k, (number, graph, core) in enumerate(some):
                rows.append(compared(graph, core, k, program, number))
        wrong = [r["graph"] for r in rows if r["differing"]]
        late = [r["graph"] for r in rows if r["predicted_latency_cycles"] != r["latency_cycles"]]
        print(f"{len(rows)} of {count}: integers wrong in {wrong}, cycles in {late}", flush=True)
        write("rtl_random", sorted(rows, key=lambda row: int(row["graph"])))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
