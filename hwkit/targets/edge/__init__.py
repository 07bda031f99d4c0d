"""Edge runtimes on this machine: int8 .tflite in LiteRT (XNNPACK) and in TFLM."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError, DeviceError, UnsupportedOp
from hwkit.files import read_json, write_json, write_whole
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, Mul, Sub
from hwkit.ir.types import Array
from hwkit.target import Artifact, BuildPlan, LayerTiming, Lowered
from hwkit.targets.edge.emit import MODEL, emit, single_layers
from hwkit.targets.edge.loaded import load, package_version, runtime_called
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.session import EdgeSession
from hwkit.targets.edge.supervised import Refused

__all__ = [
    "build",
    "emit",
    "layer_outputs",
    "lower",
    "open_artifact",
    "profile",
    "run",
    "tools",
]

_FACTS = "facts.json"
_WARM_UP = 10
"""Untimed runs: caches, the allocation of scratch, the clock of the core."""
_TAKEN_FROM_XNNPACK = (Conv2d, DepthwiseConv2d, Dense, Add, Sub, Mul)
"""Ops whose arithmetic on LiteRT is XNNPACK's."""


def _edge(board: Board) -> EdgeBoard:
    assert board.edge is not None
    return board.edge


def tools(board: Board) -> dict[str, str]:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    runtime = _edge(board).runtime
    return {runtime_called(runtime).package: package_version(runtime)}


def build(plan: BuildPlan, lowered: Lowered, out: Path) -> Artifact:
    """Writes ``model.tflite`` and ``facts.json``.

    Raises ``UnsupportedOp`` for a layer that the runtime refuses, or, on LiteRT, for one whose
    arithmetic lowering took from XNNPACK and that XNNPACK leaves to another kernel.
    """
    model = plan.files[MODEL]
    board = _edge(lowered.board)
    facts: dict[str, Any] = {
        "weight_bytes": sum(value.nbytes for value in lowered.graph.constants.values()),
        "flash_bytes": len(model),
        "tools": tools(lowered.board),
    }
    _check_layers(lowered, board)
    whole = load(board, model, len(lowered.graph.outputs))
    if "arena_bytes" in whole.facts:
        facts["arena_bytes"] = whole.facts["arena_bytes"]
    write_whole(out / MODEL, model)
    write_json(out / _FACTS, facts)
    return _artifact(out, lowered, facts)


def _check_layers(lowered: Lowered, board: EdgeBoard) -> None:
    for op, model in single_layers(lowered.graph):
        try:
            loaded = load(board, model)
        except Refused as error:
            remedy = f"{error}; change its shape or replace it"
            raise UnsupportedOp(op.name, lowered.board.name, remedy) from error
        except DeviceError as error:
            raise DeviceError(f"{op.name}: {error}") from error
        own = isinstance(op, _TAKEN_FROM_XNNPACK) and op.rescale is not None
        if own and not loaded.facts.get("delegated", True):
            remedy = (
                "XNNPACK leaves this layer to another kernel, whose rounding is not defined; "
                "change its shape, stride or scales"
            )
            raise UnsupportedOp(op.name, lowered.board.name, remedy)


def open_artifact(out: Path, lowered: Lowered) -> Artifact:
    """What lies in ``out`` is what runs, even if it was changed since it was built."""
    if not (out / MODEL).is_file():
        raise ConfigError(f"{out}: holds no {MODEL}; deploy there first")
    facts = read_json(out / _FACTS) if (out / _FACTS).is_file() else {}
    return _artifact(out, lowered, facts if isinstance(facts, dict) else {})


def _artifact(out: Path, lowered: Lowered, facts: Mapping[str, Any]) -> Artifact:
    return Artifact(out, out / MODEL, lowered.board, lowered, facts)


def open_session(artifact: Artifact, port: str | None = None) -> EdgeSession:
    """The artifact in its runtime; ``ConfigError`` for a ``port``, since that runs here."""
    if port is not None:
        raise ConfigError(f"--port {port}: {artifact.board.name} runs here; leave --port out")
    return EdgeSession(artifact, _edge(artifact.board))


def run(artifact: Artifact, x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), one sample at a time."""
    graph = artifact.lowered.graph
    with open_session(artifact, port) as session:
        return session.infer({graph.inputs[0]: x})[graph.outputs[0]]


def layer_outputs(artifact: Artifact, x: Array, port: str | None = None) -> dict[str, Array]:
    """Every activation that the file computes, by the lowered graph's name."""
    graph = artifact.lowered.graph
    with open_session(artifact, port) as session:
        return session.infer({graph.inputs[0]: x}, [op.output for op in graph.nodes])


def profile(
    artifact: Artifact, x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """Wall time; see ``timing``. ``x`` holds one sample."""
    graph = artifact.lowered.graph
    with open_session(artifact, port) as session:
        return session.timed({graph.inputs[0]: x[:1]}, repeats, _WARM_UP)
