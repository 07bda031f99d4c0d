"""Bitstreams of the FPGA boards: python -m benchmarks.bitstreams [FOLDER_OF_RUNS]

The folder holds (or gets: they are trained where missing) runs of the recipes ``digits_qfx`` and
``mnist5k_qfx``. Each network is deployed to boards of every open flow and counted for the parts
that need a vendor's tool. The very core of each bitstream is then simulated over the run's test
set, against the interpreter.

Two files: ``bitstreams.csv`` has what a design takes of the part and the highest clock of static
timing analysis (estimated: no hardware has run it), ``bitstreams_cycles.csv`` its cycles
(simulated). Placement takes minutes a board; the figures do not depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from hwkit.boards import NO_GOAL, FoldingGoal
from hwkit.errors import BudgetInfeasible
from hwkit.flow.build import deploy, lower
from hwkit.flow.summarize import inputs_and_labels
from hwkit.flow.training import train
from hwkit.ir.graph import Graph
from hwkit.ir.serialize import load
from hwkit.targets.rtl import simulate

CASES = (
    ("digits_qfx", "icebreaker"),
    ("digits_qfx", "ice40_hx8k"),
    ("mnist5k_qfx", "ulx3s_85f"),
    ("mnist5k_qfx", "tangnano20k"),
    ("mnist5k_qfx", "pynq_z2"),
    ("mnist5k_qfx", "zcu104"),
)
SAMPLES = 1000
"""Of the test set that are simulated; all of it where it has fewer."""


def area(
    model: str, board: str, graph: Graph, out: Path, goal: FoldingGoal = NO_GOAL
) -> dict[str, Any]:
    """Deploys ``graph`` to ``out``; what it takes of the part, or why it was refused."""
    row: dict[str, Any] = {"network": model, "board": board}
    try:
        facts = deploy(graph, board, out, goal=goal)
    except BudgetInfeasible as error:
        keys = ("lut", "ff", "bram", "dsp", "fmax_mhz", "clock_mhz", "counted_by")
        return row | dict.fromkeys(keys, "") | {"counted_by": str(error), "evidence": "estimated"}
    fmax_hz = facts["fmax_hz"]
    return {
        **row,
        **{key: facts[key] for key in ("lut", "ff", "bram", "dsp")},
        "fmax_mhz": f"{fmax_hz / 1e6:.1f}" if fmax_hz else "",
        "clock_mhz": f"{facts['clock_hz'] / 1e6:g}",
        "counted_by": facts["counted"].removeprefix("by "),
        "evidence": "estimated",
    }


def cycles(
    model: str, board: str, graph: Graph, x: Any, goal: FoldingGoal = NO_GOAL
) -> dict[str, Any]:
    """The board's core over ``x``: its cycles, and how many integers differ."""
    target, lowered = lower(graph, board, goal)
    with tempfile.TemporaryDirectory() as name:
        for path, content in target.emit(lowered).files.items():
            (Path(name) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / path).write_bytes(content)
        core = lowered.plan.core
        done = simulate.simulate(core, simulate.program(Path(name), core), (x,))
    expected = np.asarray(graph.predict(x)).reshape(len(x), -1)
    clock_hz = lowered.board.clock_hz
    assert clock_hz is not None
    return {
        "network": model,
        "board": board,
        "clock_mhz": f"{clock_hz / 1e6:g}",
        "latency_cycles": done.latency_cycles,
        "interval_cycles": round(done.interval_cycles),
        "images_per_s": round(clock_hz / done.interval_cycles),
        "images": len(x),
        "differing": int(np.count_nonzero(done.y[0] != expected)),
        "evidence": "simulated",
    }


def main(arguments: list[str]) -> None:
    """Writes ``bitstreams.csv`` and ``bitstreams_cycles.csv``."""
    folder = Path(arguments[0] if arguments else "runs")
    areas, timings = [], []
    for model, board in CASES:
        run = folder / model
        if not (run / "model.hwk").is_file():
            train(model, run, None, print)
        graph = load(run / "model.hwk")
        start_s = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            areas.append(area(model, board, graph, Path(name) / "deploy"))
        print(areas[-1], f"{time.monotonic() - start_s:.0f} s", flush=True)
        write("bitstreams", areas)
        if areas[-1]["lut"]:
            x, _ = inputs_and_labels(run)
            timings.append(cycles(model, board, graph, x[:SAMPLES]))
            print(timings[-1], flush=True)
            write("bitstreams_cycles", timings)


if __name__ == "__main__":
    main(sys.argv[1:])
