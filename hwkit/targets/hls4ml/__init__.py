"""FPGA projects through hls4ml, proved by compiling and running their C simulation."""

from __future__ import annotations

from dataclasses import replace

from hwkit.boards import Board, load
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
    SumPool2d,
)
from hwkit.ir.types import Array
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.target import Artifact, Capabilities, LayerTiming, Lowered
from hwkit.targets.hls4ml import simulate
from hwkit.targets.hls4ml.backends import check_layers
from hwkit.targets.hls4ml.build import build, open_artifact
from hwkit.targets.hls4ml.cycles import cycles_by_op
from hwkit.targets.hls4ml.dyadic import TARGET
from hwkit.targets.hls4ml.emit import emit, fpga
from hwkit.targets.hls4ml.network import network
from hwkit.targets.hls4ml.reuse import fitted, limits_of
from hwkit.targets.hls4ml.tools import tools

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

_ROUNDINGS = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.FLOOR)

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
            SumPool2d,
        }
    ),
    roundings={
        op: _ROUNDINGS for op in (Add, Conv2d, Dense, DepthwiseConv2d, Requantize, SumPool2d)
    },
    weight_bits=tuple(range(1, 17)),
    activation_bits=tuple(range(1, 33)),
    signed_activations=False,
)


def lower(graph: Graph, board: Board) -> Lowered:
    """The graph with its requantizations fused and as a list of hls4ml layers.

    Raises ``UnsupportedOp``, naming the op and the value, for a scale that is no power of two, a
    zero point, or an op that hls4ml has no exact form of. A board that states its resources gets
    reuse factors that fit it: ``BudgetInfeasible`` where none do.
    """
    fused = apply(graph, fuse_requantize)
    rounded, retargeted = retarget_rounding(fused, CAPABILITIES.roundings, TARGET)
    made, resources = network(rounded, fpga(board).io_type), fpga(board).resources
    check_layers(made.layers, fpga(board))
    if resources is not None:
        limits = limits_of(resources, fpga(load(board.reference)).resources)
        where = f"{graph.name} on {board.name}"
        made = replace(made, layers=fitted(made.layers, made.io_type, limits, where))
    return Lowered(rounded, board, retargeted, made)


def run(artifact: Artifact, x: Array, port: str | None = None) -> Array:
    """Outputs of the C simulation for ``x``; there is no device, so ``port`` is not used."""
    return simulate.run(artifact, x)


def layer_outputs(artifact: Artifact, x: Array, port: str | None = None) -> dict[str, Array]:
    """What each layer gave, from the simulation's trace."""
    return simulate.layer_outputs(artifact, x)


def profile(
    artifact: Artifact, x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """What ``estimate`` says of each layer: nothing is timed, a C simulation knows no cycles."""
    graph, plan = artifact.lowered.graph, artifact.lowered.plan
    found = cycles_by_op(graph, plan)
    period_us = fpga(artifact.board).clock_period_ns / 1000
    rows = [
        LayerTiming(
            index,
            op.name,
            type(op).__name__,
            macs(graph, op),
            cycles=found[index],
            us=found[index] * period_us,
        )
        for index, op in enumerate(graph.nodes)
    ]
    return [rows for _ in range(repeats)]
