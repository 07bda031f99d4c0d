"""Profiles: repeated runs on a board, their statistics, and the record of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.boards import Board, Optimize
from hwkit.device.session import check_reachable
from hwkit.device.virtual.cost_models import cost_model
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.inputs import random_feeds
from hwkit.ir import serialize
from hwkit.ir.graph import Graph
from hwkit.profile import store as database
from hwkit.profile.campaign import profile_json
from hwkit.profile.commit import source_commit
from hwkit.target import Artifact

WARM_UP = 1
"""Runs before those that count; every target makes them itself."""


def profile(
    graph: Graph,
    board: str,
    *,
    repeats: int = 10,
    seed: int = 0,
    store: Path | None = None,
    port: str | None = None,
    optimize: Optimize | None = None,
) -> dict[str, Any]:
    """Per-layer and total figures of ``repeats`` runs of one random input on ``board``.

    Returns the profile JSON (see ``profile.campaign.profile_json``) and adds it with its context
    to the measurement store (``store``: its path, default the user's).
    """
    check_reachable(boards.load(board), port)
    database.check(store)
    target, artifact = artifact_for(graph, board, None, optimize=optimize)
    feeds = boundary.enter(graph, artifact.lowered.graph, random_feeds(graph, 1, seed))
    with target.open(artifact, port) as session:
        runs = session.timed(feeds, repeats, WARM_UP)
    result = profile_json(artifact.board, runs, WARM_UP)
    result["cycle_model"] = _cycle_model(artifact.board)
    database.add(result, _context(graph, artifact, result), store)
    return result


def _cycle_model(board: Board) -> str | None:
    """Which model simulated cycles come from and what is known of its error; None elsewhere."""
    if board.mcu is None or not board.mcu.emulator:
        return None
    model = cost_model(board.mcu)
    return f"{model.version}: {model.error}" if model.version else model.error


def _context(graph: Graph, artifact: Artifact[Any], result: dict[str, Any]) -> database.Context:
    return database.Context(
        board=artifact.board.name,
        evidence=result["evidence"],
        model=graph.name,
        model_digest=serialize.digest(graph),
        commit=source_commit(),
        repeats=result["repeats"],
        warm_up=result["warm_up"],
        clock_hz=result["clock_hz"],
        toolchain={
            **artifact.facts.get("tools", {}),
            **({"cycle model": model} if (model := result["cycle_model"]) else {}),
        },
        flags=tuple(artifact.facts.get("flags", ())),
    )
