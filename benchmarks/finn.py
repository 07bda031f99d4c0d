"""FINN projects, built and executed in FINN's environment: python -m benchmarks.finn [FOLDER]

The folder holds (or gets: they are trained where missing) runs of the recipes below. Each network
becomes a FINN project for a PYNQ-Z2's part, once for the board's rate and once as fast as fits; the
hardware layers that FINN makes of it are executed over the run's whole test set, against the
interpreter. Cycles and resources are FINN's analytic estimates; they leave out control logic,
FIFOs, width converters and the lookup tables of some layers. The figures do not depend on the
machine. ``hwkit toolchain install finn`` first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from hwkit.boards import NO_GOAL, FoldingGoal
from hwkit.flow.build import deploy
from hwkit.flow.summarize import inputs_and_labels
from hwkit.flow.training import train
from hwkit.flow.verify import verify
from hwkit.ir.serialize import load

RECIPES = ("digits_qfx", "mnist5k_qfx", "mnist5k_po2", "jets_qfx")
BOARD = "finn_sim"
FASTEST = FoldingGoal(frames_per_second=0)


def row(run: Path, goal: FoldingGoal) -> dict[str, Any]:
    """One network, built and executed."""
    graph = load(run / "model.hwk")
    x, _ = inputs_and_labels(run)
    with tempfile.TemporaryDirectory() as name:
        out = Path(name) / "project"
        facts = deploy(graph, BOARD, out, goal=goal)
        found = verify(graph, BOARD, x, artifact_folder=out)
    return {
        "network": run.name,
        "goal": "10,000 frames/s" if goal == NO_GOAL else "fastest that fits",
        "images": found.inputs,
        "integers": found.integers,
        "differing": found.differing,
        "interval_cycles": facts["interval_cycles"],
        "latency_cycles": facts["cycles_per_inference"],
        "frames_per_s": round(facts["frames_per_s"]),
        "lut": facts["lut"],
        "bram_18k": facts["bram_18k"],
        "dsp": facts["dsp"],
        "evidence": "estimated",
    }


def main(arguments: list[str]) -> None:
    """Writes ``finn.csv``."""
    folder = Path(arguments[0] if arguments else "runs")
    rows = []
    for recipe in RECIPES:
        if not (folder / recipe / "model.hwk").is_file():
            train(recipe, folder / recipe, None, print)
        for goal in (NO_GOAL, FASTEST):
            rows.append(row(folder / recipe, goal))
            print(rows[-1], flush=True)
    write("finn", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
