"""Profiles: repeated runs on a board, their statistics, and the record of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

from hwkit import boards
from hwkit.device.session import check_reachable
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.shape import Shape, options_of
from hwkit.ir import serialize
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.profile import store as database
from hwkit.profile.commit import source_commit, tools_of
from hwkit.profile.measurement import Measurement
from hwkit.profile.medians import medians
from hwkit.profile.store.database import Place
from hwkit.target import Artifact, Identity, LayerTiming, Session

WARM_UP = 1
"""Inferences before those that count."""


def profile(
    graph: Graph,
    board: str,
    *,
    repeats: int = 10,
    seed: int = 0,
    store: Place = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    **shape: Unpack[Shape],
) -> Measurement:
    """Per-layer and total figures of ``repeats`` runs of one random input on ``board``.

    ``artifact_folder`` is one that ``hwkit deploy`` left: that very build is measured. What answers
    on the board says what it is, and so what the figures are worth. Also added to the measurement
    store (``store``: a file or a URL, default the user's own file).
    """
    check_reachable(boards.load(board), port)
    database.check(store)
    target, artifact = artifact_for(graph, board, artifact_folder, **shape)
    feeds = boundary.enter(graph, artifact.lowered.graph, random_feeds(graph, 1, seed))
    with target.open(artifact, port) as session:
        taken = measured(graph, artifact, session, feeds, repeats)
    database.add(taken, store)
    return taken


def measured(
    graph: Graph,
    artifact: Artifact[Any],
    session: Session,
    feeds: Mapping[str, Array],
    repeats: int,
) -> Measurement:
    """The figures of an open artifact of ``graph`` on the one sample in ``feeds``; not stored."""
    runs = session.timed(feeds, repeats, WARM_UP)
    return measurement(graph, artifact, session.identity, runs, feeds)


def measurement(
    graph: Graph,
    artifact: Artifact[Any],
    identity: Identity,
    runs: Sequence[Sequence[LayerTiming]],
    feeds: Mapping[str, Array],
) -> Measurement:
    """The record of ``runs`` of ``artifact``, which ``graph`` became, with ``feeds``."""
    found = medians(artifact.board.name, runs, WARM_UP)
    return Measurement(
        board=artifact.board.name,
        identity=identity,
        model=graph.name,
        model_digest=serialize.digest(graph),
        input_digest=digest(feeds),
        repeats=len(runs),
        warm_up=WARM_UP,
        layers=found.layers,
        total=found.total,
        whole=found.whole,
        commit=source_commit(),
        toolchain=tools_of(artifact.facts.get("tools", {})),
        flags=tuple(artifact.facts.get("flags", ())),
        options=options_of(graph, artifact.lowered.board),
    )


def digest(feeds: Mapping[str, Array]) -> str:
    """SHA-256 over the names, shapes and integers of inputs, whatever their containers."""
    state = hashlib.sha256()
    for name, value in feeds.items():
        state.update(f"{name}\0{value.shape}\0".encode())
        state.update(value.astype("<i4").tobytes())
    return state.hexdigest()
