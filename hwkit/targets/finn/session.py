"""An artifact open where it runs."""

from __future__ import annotations

from hwkit.boards import Board
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming, Session
from hwkit.targets.calls import of_one_input
from hwkit.targets.finn import report, simulate
from hwkit.targets.finn.graph import Network


def open_session(artifact: Artifact[Network], port: str | None) -> Session:
    """finn artifact."""
    return of_one_input(
        artifact.lowered.graph,
        Identity("model", "finn"),
        lambda x: run(artifact, x, port),
        lambda x: layer_outputs(artifact, x, port),
        lambda x, repeats, warm_up: profile(artifact, x, repeats, port),
    )


def run(artifact: Artifact[Network], x: Array, port: str | None = None) -> Array:
    """Outputs of FINN's network for ``x``; there is no device, so ``port`` is not used."""
    return simulate.run(artifact, x)


def layer_outputs(
    artifact: Artifact[Network], x: Array, port: str | None = None
) -> dict[str, Array]:
    """What FINN's layers gave, by the graph's tensor names."""
    return simulate.layer_outputs(artifact, x)


def profile(
    artifact: Artifact[Network], x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """FINN's analytic cycles of each layer, the same in every run."""
    rows = report.timings(artifact.lowered, artifact.folder)
    return [rows for _ in range(repeats)]


def tools(board: Board) -> dict[str, str]:
    """Versions of FINN and what it rests on; ``ToolMissing`` when it is not installed."""
    return report.tools()
