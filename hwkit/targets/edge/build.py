"""Writes and reads back an edge build: the .tflite and what its runtime says of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwkit.boards import Board, EdgeBoard
from hwkit.errors import ConfigError, DeviceError, UnsupportedOp
from hwkit.files import read_json, write_json, write_whole
from hwkit.ir.ops import Add, Conv2d, Dense, DepthwiseConv2d, MatMul, Mul, Rounding, Sub
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.edge.emit import MODEL, has_functions, single_layers
from hwkit.targets.edge.loaded import arithmetic_of, load, runtime_called, version_on
from hwkit.targets.edge.original import EdgePlan
from hwkit.targets.edge.runtime import Products
from hwkit.targets.edge.supervised import Refused

_FACTS = "facts.json"
_TAKEN_FROM_XNNPACK = (Conv2d, DepthwiseConv2d, Dense, Add, Sub, Mul)
"""Ops whose arithmetic on LiteRT is XNNPACK's."""


def edge_section(board: Board) -> EdgeBoard:
    """The board's ``[edge]`` section."""
    assert board.edge is not None
    return board.edge


def tools(board: Board) -> dict[str, str]:
    """Version of the runtime's package; ``ToolMissing`` when it is not installed."""
    section = edge_section(board)
    return {runtime_called(section.runtime).package: version_on(section)}


def build(plan: BuildPlan, lowered: Lowered[EdgePlan], out: Path) -> Artifact[EdgePlan]:
    """Writes ``model.tflite`` and ``facts.json``.

    Raises ``UnsupportedOp`` for a layer that the runtime refuses, or, on LiteRT, for one whose
    arithmetic lowering took from XNNPACK and that XNNPACK leaves to another kernel.
    """
    model = plan.files[MODEL]
    board = edge_section(lowered.board)
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


def _check_layers(lowered: Lowered[EdgePlan], board: EdgeBoard) -> None:
    exact = runtime_called(board.runtime).exact
    xnnpack = exact and arithmetic_of(board).products is Products.XNNPACK
    for op, model in single_layers(lowered.graph, has_functions(board)):
        try:
            loaded = load(board, model)
        except Refused as error:
            remedy = f"{error}; change its shape or replace it"
            raise UnsupportedOp(op.name, lowered.board.name, remedy) from error
        except DeviceError as error:
            raise DeviceError(f"{op.name}: {error}") from error
        own = isinstance(op, _TAKEN_FROM_XNNPACK) and op.rescale is not None
        if isinstance(op, MatMul) and op.rescale is not None:
            own = op.rescale.rounding is Rounding.FLOAT32
        if own and xnnpack and not loaded.facts["delegated"]:
            remedy = (
                "XNNPACK leaves this layer to another kernel, whose rounding is not defined; "
                "change its shape, stride or scales"
            )
            raise UnsupportedOp(op.name, lowered.board.name, remedy)


def open_artifact(out: Path, lowered: Lowered[EdgePlan]) -> Artifact[EdgePlan]:
    """What lies in ``out`` is what runs, even if it was changed since it was built."""
    if not (out / MODEL).is_file():
        raise ConfigError(f"{out}: holds no {MODEL}; deploy there first")
    facts = read_json(out / _FACTS) if (out / _FACTS).is_file() else {}
    return _artifact(out, lowered, facts if isinstance(facts, dict) else {})


def _artifact(
    out: Path, lowered: Lowered[EdgePlan], facts: Mapping[str, Any]
) -> Artifact[EdgePlan]:
    return Artifact(out, out / MODEL, lowered.board, lowered, facts)
