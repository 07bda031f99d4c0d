"""Edge runtimes on this machine: int8 .tflite in LiteRT (XNNPACK) and in TFLM."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError, DeviceError, FormatError, UnsupportedOp
from hwkit.files import read_json, write_json, write_whole
from hwkit.importers.tflite.file import parse
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, Mul, Sub
from hwkit.ir.types import Array
from hwkit.target import Artifact, BuildPlan, LayerTiming, Lowered
from hwkit.targets.edge import timing
from hwkit.targets.edge.emit import MODEL, emit, has_functions, single_layers
from hwkit.targets.edge.lower import lower
from hwkit.targets.edge.original import OriginalFile
from hwkit.targets.edge.runtimes import PACKAGES, Session, package_version, session
from hwkit.targets.edge.supervised import Child, Refused

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
_TAKEN_FROM_XNNPACK = (Conv2d, DepthwiseConv2d, Dense, Add, Sub, Mul)
"""Ops whose arithmetic on LiteRT is XNNPACK's."""


def _edge(board: Board) -> EdgeBoard:
    assert board.edge is not None
    return board.edge


def tools(board: Board) -> dict[str, str]:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    runtime = _edge(board).runtime
    return {PACKAGES[runtime]: package_version(runtime)}


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
    if board.runtime == "tflm":
        facts["arena_bytes"] = session(board, model).facts["arena_bytes"]
    write_whole(out / MODEL, model)
    write_json(out / _FACTS, facts)
    return _artifact(out, lowered, facts)


def _check_layers(lowered: Lowered, board: EdgeBoard) -> None:
    for op, model in single_layers(lowered.graph, has_functions(lowered.board)):
        try:
            loaded = session(board, model)
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


def run(artifact: Artifact, x: Array, port: str | None = None) -> Array:
    """Outputs for ``x`` (batch first), one sample at a time."""
    _no_port(artifact, port)
    graph = artifact.lowered.graph
    if not len(x):
        tensor = graph.tensors[graph.outputs[0]]
        return np.zeros((0, *tensor.shape), tensor.dtype.container)
    plan = artifact.lowered.plan
    outputs = (
        plan.run([x])
        if isinstance(plan, OriginalFile)
        else _loaded(artifact).run(_fed(artifact, x))
    )
    return _checked(artifact, graph.outputs[0], outputs[0], len(x))


def layer_outputs(artifact: Artifact, x: Array, port: str | None = None) -> dict[str, Array]:
    """Every activation that the file computes, by the lowered graph's name."""
    _no_port(artifact, port)
    names = [op.output for op in artifact.lowered.graph.nodes]
    plan = artifact.lowered.plan
    if isinstance(plan, OriginalFile):
        seen = plan.observe([x], names)
    else:
        seen = _loaded(artifact).observe(_fed(artifact, x), names)
    return {name: _checked(artifact, name, y, len(x)) for name, y in seen.items()}


def _fed(artifact: Artifact, x: Array) -> list[Array]:
    """An unsigned input of fewer than 8 bits comes in a uint8 and is an int8 in the file."""
    graph = artifact.lowered.graph
    return [x.astype(graph.tensors[graph.inputs[0]].dtype.container)]


def _loaded(artifact: Artifact) -> Session:
    """The artifact's file in its runtime: in the common child if it is what hwkit emits for this
    graph, else in one of its own."""
    board, model = _edge(artifact.board), artifact.path.read_bytes()
    if model == emit(artifact.lowered).files[MODEL]:
        return session(board, model)
    try:
        parse(model)  # Offsets that leave the file are told apart from a runtime that refuses.
        child = _child_of(str(artifact.path), model)
        return Session(board.runtime, model, threads=board.threads, child=child)
    except (FormatError, Refused) as error:
        raise FormatError(f"{artifact.path}: changed since it was built: {error}") from error


@lru_cache(maxsize=2)
def _child_of(path: str, model: bytes) -> Child:
    return Child(path)


def _checked(artifact: Artifact, name: str, y: Array, samples: int) -> Array:
    """``y`` as tensor ``name`` of the graph; ``FormatError`` if that it cannot be."""
    tensor = artifact.lowered.graph.tensors[name]
    if y.dtype != tensor.dtype.container or y.size != samples * tensor.elements:
        raise FormatError(
            f"{artifact.path}: {name!r} is {y.dtype}{y.shape[1:]} there, and "
            f"{tensor.dtype.container}{tensor.shape} in the graph; take the file of this graph"
        )
    return y.reshape(samples, *tensor.shape)


def profile(
    artifact: Artifact, x: Array, repeats: int, port: str | None = None
) -> list[list[LayerTiming]]:
    """Wall time; see ``timing``. ``x`` holds one sample. ``FormatError`` for an artifact that was
    changed since it was built: its layers could not be told apart."""
    _no_port(artifact, port)
    model = artifact.path.read_bytes()
    if model != emit(artifact.lowered).files[MODEL]:
        raise FormatError(f"{artifact.path}: changed since it was built; deploy it again")
    return timing.profile(artifact.lowered, model, x, repeats)


def _no_port(artifact: Artifact, port: str | None) -> None:
    if port is not None:
        raise ConfigError(f"--port {port}: {artifact.board.name} runs here; leave --port out")
