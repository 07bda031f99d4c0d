"""An edge artifact open in its runtime."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hwkit.device.host import host
from hwkit.errors import ConfigError, FormatError
from hwkit.importers.tflite.file import parse
from hwkit.ir.types import Array
from hwkit.target import Artifact, Identity, LayerTiming, Session
from hwkit.targets.calls import of_one_input
from hwkit.targets.edge import timing
from hwkit.targets.edge.build import edge_section
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.original import EdgePlan, OriginalFile
from hwkit.targets.edge.runtimes import Session as Loaded
from hwkit.targets.edge.runtimes import package_version, session
from hwkit.targets.edge.supervised import Child, Refused


def open_session(artifact: Artifact[EdgePlan], port: str | None) -> Session:
    """The artifact's file in its runtime, on this machine."""
    _no_port(artifact, port)
    runtime = edge_section(artifact.board).runtime
    identity = Identity("hardware", f"{runtime} {package_version(runtime)}", host=host())
    return of_one_input(
        artifact.lowered.graph,
        identity,
        lambda x: run(artifact, x),
        lambda x: layer_outputs(artifact, x),
        lambda x, repeats, warm_up: profile(artifact, x, repeats),
    )


def run(artifact: Artifact[EdgePlan], x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), one sample at a time."""
    _no_port(artifact, port)
    graph = artifact.lowered.graph
    if not len(x):
        tensor = graph.tensors[graph.outputs[0]]
        return np.zeros((0, *tensor.shape), tensor.dtype.container)
    plan = artifact.lowered.plan
    outputs = plan.run([x]) if isinstance(plan, OriginalFile) else _loaded(artifact).run(_fed(x))
    return _checked(artifact, graph.outputs[0], outputs[0], len(x))


def layer_outputs(
    artifact: Artifact[EdgePlan], x: Array, port: str | None = None
) -> dict[str, Array]:
    """Every activation that the file computes, by the lowered graph's name."""
    _no_port(artifact, port)
    names = [op.output for op in artifact.lowered.graph.nodes]
    plan = artifact.lowered.plan
    if isinstance(plan, OriginalFile):
        seen = plan.observe([x], names)
    else:
        seen = _loaded(artifact).observe(_fed(x), names)
    return {name: _checked(artifact, name, y, len(x)) for name, y in seen.items()}


def _fed(x: Array) -> list[Array]:
    """An unsigned input of fewer than 8 bits comes in a uint8 and is an int8 in the file."""
    return [x.astype(np.int8)]


def _loaded(artifact: Artifact[EdgePlan]) -> Loaded:
    """The artifact's file in its runtime: in the common child if it is what hwkit emits for this
    graph, else in one of its own."""
    board, model = edge_section(artifact.board), artifact.path.read_bytes()
    if model == emit(artifact.lowered).files[MODEL]:
        return session(board, model)
    try:
        parse(model)  # Offsets that leave the file are told apart from a runtime that refuses.
        child = _child_of(str(artifact.path), model)
        return Loaded(board.runtime, model, threads=board.threads, child=child)
    except (FormatError, Refused) as error:
        raise FormatError(f"{artifact.path}: changed since it was built: {error}") from error


@lru_cache(maxsize=2)
def _child_of(path: str, model: bytes) -> Child:
    return Child(path)


def _checked(artifact: Artifact[EdgePlan], name: str, y: Array, samples: int) -> Array:
    """``y`` as tensor ``name`` of the graph; ``FormatError`` if that it cannot be."""
    tensor = artifact.lowered.graph.tensors[name]
    if y.dtype != tensor.dtype.container or y.size != samples * tensor.elements:
        raise FormatError(
            f"{artifact.path}: {name!r} is {y.dtype}{y.shape[1:]} there, and "
            f"{tensor.dtype.container}{tensor.shape} in the graph; take the file of this graph"
        )
    return y.reshape(samples, *tensor.shape)


def profile(
    artifact: Artifact[EdgePlan], x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """Wall time; see ``timing``. ``x`` holds one sample. ``FormatError`` for an artifact that was
    changed since it was built: its layers could not be told apart."""
    _no_port(artifact, port)
    model = artifact.path.read_bytes()
    if model != emit(artifact.lowered).files[MODEL]:
        raise FormatError(f"{artifact.path}: changed since it was built; deploy it again")
    return timing.profile(artifact.lowered, model, x, repeats)


def _no_port(artifact: Artifact[EdgePlan], port: str | None) -> None:
    if port is not None:
        raise ConfigError(f"--port {port}: {artifact.board.name} runs here; leave --port out")
