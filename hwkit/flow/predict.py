"""Integers in, integers out: by the interpreter, or really built and run on a board."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import numpy as np

from hwkit import boards
from hwkit.device.session import check_reachable
from hwkit.errors import ConfigError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.shape import Shape
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.types import Array
from hwkit.target import Session


def predict(
    graph: Graph,
    x: boundary.Inputs,
    board: str | None = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    *,
    reset_each: bool = False,
    **shape: Unpack[Shape],
) -> dict[str, Array]:
    """Every output by name, first axis the batch: by the interpreter, or built for ``board`` and
    run there. ``port`` is a device that already runs it; ``shape`` see ``flow.shape``.

    The samples of a network with states are successive steps from the initial state; with
    ``reset_each`` every sample begins there.

    Nothing is measured for it: where no choice of kernels is remembered, the rule's are built.
    """
    if board is None:
        if port is not None or artifact_folder is not None:
            raise ConfigError("a port or an artifact needs its board; give --board too")
        if given := [name for name, value in shape.items() if value is not None]:
            raise ConfigError(f"--{given[0]} shapes a build for a board; give --board too")
        feeds = boundary.named(graph, x)
        return _inferred(Interpreter(graph), feeds, reset_each and bool(graph.states))
    check_reachable(boards.load(board), port)
    boundary.named(graph, x)  # before anything is built
    target, artifact = artifact_for(graph, board, artifact_folder, False, **shape)
    lowered = artifact.lowered.graph
    with target.open(artifact, port) as session:
        entered = boundary.enter(graph, lowered, x)
        results = _inferred(session, entered, reset_each and bool(graph.states))
    return boundary.leave(graph, lowered, results)


def _inferred(
    session: Session | Interpreter, feeds: Mapping[str, Array], reset_each: bool
) -> dict[str, Array]:
    if not reset_each or not boundary.batch(feeds):
        return session.infer(feeds)
    rows = []
    for k in range(boundary.batch(feeds)):
        session.reset()
        rows.append(session.infer({name: value[k : k + 1] for name, value in feeds.items()}))
    return {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
