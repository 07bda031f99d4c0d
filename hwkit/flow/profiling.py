"""Profiles: repeated runs on a board, their statistics, and the record of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from hwkit import boards
from hwkit.device.session import check_reachable
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.costs import with_prediction
from hwkit.flow.shape import Shape, options_of
from hwkit.ir import serialize
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.types import Array
from hwkit.profile import store as database
from hwkit.profile.book import CostBook
from hwkit.profile.commit import source_commit, tools_of
from hwkit.profile.measurement import Measurement
from hwkit.profile.medians import medians
from hwkit.profile.statistics import median, median_interval, spread
from hwkit.profile.store.database import Place
from hwkit.profile.until import TURNS, Effort, until_small
from hwkit.target import WHOLE_MODEL, Artifact, Identity, LayerTiming, Session

WARM_UP = 1
"""Inferences before those that count."""


def profile(
    graph: Graph,
    board: str,
    *,
    repeats: int = 10,
    within: float | None = None,
    nearest: bool = False,
    seed: int = 0,
    store: Place = None,
    port: str | None = None,
    artifact_folder: str | Path | None = None,
    **shape: Unpack[Shape],
) -> Measurement:
    """Per-layer and total figures of ``repeats`` runs of one random input on ``board``; with
    ``within`` (0.02: 2 %) of as many as it takes until the interval of the whole model's median is
    that small, at most 1,024.

    Beside it stands what the cost table in the store predicted; with ``nearest`` layers that
    nobody measured are predicted from the nearest shape.

    ``artifact_folder`` is one that ``hwkit deploy`` left: that very build is measured. What answers
    on the board says what it is, and so what the figures are worth. Also added to the measurement
    store (``store``: a file or a URL, default the user's own file).
    """
    check_reachable(boards.load(board), port)
    database.check(store)
    target, artifact = artifact_for(graph, board, artifact_folder, **shape)
    feeds = boundary.enter(graph, artifact.lowered.graph, random_feeds(graph, 1, seed))
    with target.open(artifact, port) as session:
        taken = measured(graph, artifact, session, feeds, repeats, within)
    taken = with_prediction(taken, target, artifact.lowered, CostBook(store), nearest)
    database.add(taken, store)
    return taken


def measured(
    graph: Graph,
    artifact: Artifact[Any],
    session: Session,
    feeds: Mapping[str, Array],
    repeats: int,
    within: float | None = None,
) -> Measurement:
    """The figures of an open artifact of ``graph`` on the one sample in ``feeds``; not stored.

    Where time is measured, the whole and its layers take turns: what the machine does meanwhile
    meets all of them, and a drift shows between the halves.
    """
    turns = TURNS if session.identity.evidence == "measured" else 1

    def draw(count: int) -> list[list[LayerTiming]]:
        parts = [count * (k + 1) // turns - count * k // turns for k in range(turns)]
        return [run for part in parts if part for run in session.timed(feeds, part, WARM_UP)]

    if within is not None:
        effort = Effort(within)
        runs = until_small(draw, lambda some: effort.is_enough(spread(_wholes(some))), effort)
    else:
        runs = draw(repeats)
    taken = measurement(graph, artifact, session.identity, runs, feeds)
    return replace(taken, drift=_drift(_wholes(runs))) if taken.evidence == "measured" else taken


def _wholes(runs: Sequence[Sequence[LayerTiming]]) -> list[float]:
    """The time (without one, the cycles) of each run: of the whole where that was timed, else the
    layers' sum."""
    found = []
    for run in runs:
        rows = [row for row in run if row.index == WHOLE_MODEL] or run
        found.append(sum(row.us if row.us is not None else row.cycles or 0 for row in rows))
    return found


def _drift(samples: Sequence[float]) -> float | None:
    """By how much the second half is slower; None where one has no interval."""
    half = len(samples) // 2
    if median_interval(samples[:half]) is None or not median(samples[:half]):
        return None
    return round(median(samples[half:]) / median(samples[:half]) - 1, 6)


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
        call=found.call,
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
