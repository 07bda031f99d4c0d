"""An artifact open where it runs."""

from __future__ import annotations

from hwkit.ir.counts import macs
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming, Session
from hwkit.targets.calls import of_one_input
from hwkit.targets.hls4ml import simulate
from hwkit.targets.hls4ml.cycles import cycles_by_op
from hwkit.targets.hls4ml.emit import fpga
from hwkit.targets.hls4ml.network import Network


def open_session(artifact: Artifact[Network], port: str | None) -> Session:
    """hls4ml artifact."""
    return of_one_input(
        artifact.lowered.graph,
        Identity("model", "hls4ml"),
        lambda x: run(artifact, x, port),
        lambda x: layer_outputs(artifact, x, port),
        lambda x, repeats, warm_up: profile(artifact, x, repeats, port),
    )


def run(artifact: Artifact[Network], x: Array, port: str | None = None) -> Array:
    """Outputs of the C simulation for ``x``; there is no device, so ``port`` is not used."""
    return simulate.run(artifact, x)


def layer_outputs(
    artifact: Artifact[Network], x: Array, port: str | None = None
) -> dict[str, Array]:
    """What each layer gave, from the simulation's trace."""
    return simulate.layer_outputs(artifact, x)


def profile(
    artifact: Artifact[Network], x: Array, repeats: int, port: str | None = None
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
