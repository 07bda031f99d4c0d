"""An artifact open where it runs."""

from __future__ import annotations

import numpy as np

from hwkit.ir.counts import macs
from hwkit.ir.types import Array
from hwkit.target import WHOLE_MODEL, Artifact, Identity, LayerTiming, Session
from hwkit.targets.calls import of_one_input
from hwkit.targets.rtl import simulate
from hwkit.targets.rtl.board import profile as profile_board
from hwkit.targets.rtl.board import run
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.plan import Plan, fpga


def open_session(artifact: Artifact[Plan], port: str | None) -> Session:
    """rtl artifact."""
    return of_one_input(
        artifact.lowered.graph,
        Identity("simulator", "verilator"),
        lambda x: run(artifact, x, port),
        lambda x: layer_outputs(artifact, x, port),
        lambda x, repeats, warm_up: profile(artifact, x, repeats, port),
    )


def layer_outputs(artifact: Artifact[Plan], x: Array, port: str | None = None) -> dict[str, Array]:
    """What passed on the streams between the layers; an unrolled core has none."""
    core: Core = artifact.lowered.plan.core
    return simulate.layer_outputs(artifact, x) if core.taps else {}


def profile(
    artifact: Artifact[Plan], x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """Cycles of one inference by itself: of every layer between its first and last beat (simulated
    only), and of the whole. Layers work at the same time, so they do not add up; repeats of a
    simulation are equal."""
    core: Core = artifact.lowered.plan.core
    if port is not None or fpga(artifact.board).flow != "verilator" or not core.taps:
        return profile_board(artifact, x, repeats, port)
    graph = artifact.lowered.graph
    simulator = simulate.program(artifact.folder, core)
    done = simulate.simulate(core, simulator, x[:1], taps=True)
    clock_hz = fpga(artifact.board).clock_hz

    def row(index: int, name: str, op: str, work: int, cycles: int | None) -> LayerTiming:
        us = None if cycles is None or not clock_hz else cycles / clock_hz * 1e6
        return LayerTiming(index, name, op, work, cycles=cycles, us=us)

    rows = []
    for index, op in enumerate(graph.nodes):
        cycles = None
        if op.output in core.taps:
            times = done.seen[core.taps[op.output][0]][0]
            cycles = int(np.ptp(times)) + 1
        rows.append(row(index, op.name, type(op).__name__, macs(graph, op), cycles))
    work = sum(each.macs for each in rows)
    rows.append(row(WHOLE_MODEL, graph.name, "model", work, done.latency_cycles))
    return [rows for _ in range(repeats)]
