"""Runs an artifact of one input and one output: see ``session``."""

from __future__ import annotations

from hwkit.errors import ConfigError
from hwkit.ir.types import Array
from hwkit.target import Artifact, LayerTiming
from hwkit.targets.mcu.lower import McuPlan
from hwkit.targets.mcu.session import open_session


def run(artifact: Artifact[McuPlan], x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), in the lowered graph's types."""
    graph = artifact.lowered.graph
    with open_session(artifact, port) as session:
        return session.infer({graph.inputs[0]: x})[graph.outputs[0]]


def layer_outputs(
    artifact: Artifact[McuPlan], x: Array, port: str | None = None
) -> dict[str, Array]:
    """The output of every layer by tensor name, batch first."""
    graph = artifact.lowered.graph
    layers = [op.output for op in graph.nodes]
    with open_session(artifact, port) as session:
        return session.infer({graph.inputs[0]: x}, layers) if len(x) else {}


def profile(
    artifact: Artifact[McuPlan], x: Array, repeats: int, port: str | None = None, warm_up: int = 1
) -> list[list[LayerTiming]]:
    """``repeats`` inferences of the first sample after ``warm_up``; the layers of each."""
    if len(x) < 1 or repeats < 1:
        raise ConfigError(f"profile: {len(x)} inputs, {repeats} repeats; give at least one of each")
    with open_session(artifact, port) as session:
        return session.timed({artifact.lowered.graph.inputs[0]: x[:1]}, repeats, warm_up)
