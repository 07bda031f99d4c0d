"""FINN projects, converted, folded, estimated and executed in FINN's own environment."""

from __future__ import annotations

from hwkit.boards import Board
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
from hwkit.lower.saturating import require_saturating
from hwkit.target import Artifact, Capabilities, LayerTiming, Lowered
from hwkit.targets.finn import report, simulate
from hwkit.targets.finn.build import build, open_artifact
from hwkit.targets.finn.emit import emit
from hwkit.targets.finn.graph import TARGET
from hwkit.targets.finn.network import network

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
    # Thresholds have no rounding of their own: they take any.
    roundings={
        op: tuple(Rounding) for op in (Add, Conv2d, Dense, DepthwiseConv2d, Requantize, SumPool2d)
    },
    weight_bits=tuple(range(1, 17)),
    activation_bits=tuple(range(1, 11)),
    signed_activations=False,
)


def lower(graph: Graph, board: Board) -> Lowered:
    """The graph with its requantizations fused, and its form in FINN's dialect.

    No integer moves: every rounding has thresholds. Raises ``UnsupportedOp``, naming the op, for
    one that has no exact form there.
    """
    require_saturating(graph, TARGET)
    fused = apply(graph, fuse_requantize)
    return Lowered(fused, board, (), network(fused))


def run(artifact: Artifact, x: Array, port: str | None = None) -> Array:
    """Outputs of FINN's network for ``x``; there is no device, so ``port`` is not used."""
    return simulate.run(artifact, x)


def layer_outputs(artifact: Artifact, x: Array, port: str | None = None) -> dict[str, Array]:
    """What FINN's layers gave, by the graph's tensor names."""
    return simulate.layer_outputs(artifact, x)


def profile(
    artifact: Artifact, x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """FINN's analytic cycles of each layer, the same in every run."""
    rows = report.timings(artifact.lowered, artifact.folder)
    return [rows for _ in range(repeats)]


def tools(board: Board) -> dict[str, str]:
    """Versions of FINN and what it rests on; ``ToolMissing`` when it is not installed."""
    return report.tools()
