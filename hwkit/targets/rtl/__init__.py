"""FPGA designs in Verilog, simulated cycle by cycle."""

from __future__ import annotations

import numpy as np

from hwkit.boards import Board
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.ir.ops import (
    Add,
    AvgPool2d,
    Clamp,
    Conv2d,
    Dense,
    DepthwiseConv2d,
    Lookup,
    MaxPool2d,
    Pad,
    Requantize,
    Reshape,
    Rounding,
    Sub,
    SumPool2d,
)
from hwkit.ir.types import Array
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.target import WHOLE_MODEL, Artifact, Capabilities, LayerTiming, Lowered
from hwkit.targets.rtl import simulate
from hwkit.targets.rtl.board import profile as profile_board
from hwkit.targets.rtl.board import run
from hwkit.targets.rtl.build import build, open_artifact, tools
from hwkit.targets.rtl.core import Core
from hwkit.targets.rtl.emit import emit
from hwkit.targets.rtl.plan import folded, fpga
from hwkit.targets.rtl.rescaling import TARGET
from hwkit.targets.rtl.unrolled_plan import unrolled

__all__ = [
    "CAPABILITIES",
    "build",
    "emit",
    "layer_outputs",
    "lower",
    "open_artifact",
    "profile",
    "run",
    "tools",
]

_ROUNDINGS = (Rounding.HALF_UP, Rounding.HALF_EVEN, Rounding.FLOOR, Rounding.DOUBLE)

CAPABILITIES = Capabilities(
    name=TARGET,
    ops=frozenset(
        {
            Add,
            AvgPool2d,
            Clamp,
            Conv2d,
            Dense,
            DepthwiseConv2d,
            Lookup,
            MaxPool2d,
            Pad,
            Requantize,
            Reshape,
            Sub,
            SumPool2d,
        }
    ),
    roundings={
        op: _ROUNDINGS for op in (Add, Conv2d, Dense, DepthwiseConv2d, Requantize, Sub, SumPool2d)
    },
    weight_bits=tuple(range(1, 33)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
)


def lower(graph: Graph, board: Board) -> Lowered:
    """The graph with its requantizations fused, and the core that it becomes on ``board``.

    ``UnsupportedOp`` naming the op and the value for what has no circuit, ``BudgetInfeasible``
    when the part is too small.
    """
    fused = apply(graph, fuse_requantize)
    rounded, retargeted = retarget_rounding(fused, CAPABILITIES.roundings, TARGET)
    make = unrolled if fpga(board).style == "unrolled" else folded
    return Lowered(rounded, board, retargeted, make(rounded, board))


def layer_outputs(artifact: Artifact, x: Array, port: str | None = None) -> dict[str, Array]:
    """What passed on the streams between the layers; an unrolled core has none."""
    core: Core = artifact.lowered.plan.core
    return simulate.layer_outputs(artifact, x) if core.taps else {}


def profile(
    artifact: Artifact, x: Array, repeats: int, port: str | None = None
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
