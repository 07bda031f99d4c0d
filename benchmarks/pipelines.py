"""Folded cores: predicted cycles beside simulated ones: python -m benchmarks.pipelines

Networks with random weights, at several speeds, on the part of ``rtl_sim``. Latency is that of the
first inference, the interval that of inferences without a pause between them. The figures do not
depend on the machine.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from benchmarks.networks import autoencoder, resnet8, resnet8_low_bits
from hwkit import boards
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import run
from hwkit.ir.ops import Softmax
from hwkit.targets.rtl import simulate
from hwkit.targets.rtl.target import TARGET as rtl
from tests.sessions import random_inputs

BOARD = "rtl_sim"
INFERENCES = 5


def without_softmax(graph: Graph) -> Graph:
    """``graph`` up to its logits."""
    *nodes, last = graph.nodes
    assert isinstance(last, Softmax)
    return replace(graph, outputs=(last.input,)).with_nodes(tuple(nodes))


CASES = (
    (resnet8_low_bits(), 100),
    (resnet8_low_bits(), 1000),
    (without_softmax(resnet8()), 100),
    (autoencoder(), 1000),
)
"""Network and the inferences a second that are asked for."""


def row(graph: Graph, frames_per_second: int) -> dict[str, Any]:
    """Predicted and simulated figures of one core."""
    board = boards.load(BOARD)
    assert board.fpga is not None
    asked = replace(board, fpga=replace(board.fpga, frames_per_second=frames_per_second))
    lowered = rtl.lower(graph, asked)
    plan = lowered.plan
    x = random_inputs(lowered.graph, INFERENCES, 0)
    with tempfile.TemporaryDirectory() as name:
        for path, content in plan.core.files.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(content)
        done = simulate.simulate(plan.core, simulate.program(Path(name), plan.core), (x,))
    expected = run(lowered.graph, {lowered.graph.inputs[0]: x})[lowered.graph.outputs[0]]
    return {
        "network": graph.name,
        "macs": sum(macs(graph, op) for op in graph.nodes),
        "asked_per_s": frames_per_second,
        "predicted_interval_cycles": plan.core.interval_cycles,
        "interval_cycles": round(done.interval_cycles),
        "predicted_latency_cycles": plan.core.latency_cycles,
        "latency_cycles": done.latency_cycles,
        "images_per_s_at_50_mhz": round(board.fpga.clock_hz / done.interval_cycles),
        "integers": expected.size,
        "differing": int(np.count_nonzero(done.y[0] != expected.reshape(INFERENCES, -1))),
        "evidence": "simulated",
    }


def main() -> None:
    """Writes ``pipelines.csv``."""
    rows = []
    for graph, frames_per_second in CASES:
        rows.append(row(graph, frames_per_second))
        print(rows[-1], flush=True)
        write("pipelines", rows)


if __name__ == "__main__":
    main()
