"""What a board that is not here would take: figures marked estimated, beside the simulated ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Unpack

from hwkit.errors import ConfigError
from hwkit.flow import boundary
from hwkit.flow.build import lower
from hwkit.flow.profiling import WARM_UP, measurement
from hwkit.flow.shape import Shape
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.profile import store as database
from hwkit.profile.measurement import Measurement
from hwkit.target import Artifact, Estimates, Identity, LayerTiming, Target


@dataclass(frozen=True, slots=True)
class Estimate:
    """``simulated`` on the virtual board of the core, without a wait for memory; ``estimated`` for
    the board itself: the same build with the flash and the clock of the board."""

    simulated: Measurement
    estimated: Measurement

    def to_json(self) -> dict[str, Any]:
        """As ``hwkit profile --estimate --json`` prints it: a profile, and ``simulated`` beside."""
        return {**self.estimated.to_json(), "simulated": self.simulated.to_json()}


def estimate(
    graph: Graph,
    board: str,
    *,
    repeats: int = 1,
    seed: int = 0,
    store: Path | None = None,
    **shape: Unpack[Shape],
) -> Estimate:
    """Per-layer and total cycles of one random input on ``board``, which need not be there.

    The estimate is added to the measurement store (``store``: its path, default the user's) as what
    it is. ``ConfigError`` for a board that nothing is known of.

    Example: ``estimate(graph, "nucleo_l4r5zi").estimated.total.us``.
    """
    database.check(store)
    target, lowered = lower(graph, board, **shape)
    if not isinstance(target, Estimates):
        raise ConfigError(f"board {board}: no estimates; choose a microcontroller")
    plain, timed = target.estimates(lowered)
    simulated = _run(graph, target, plain, repeats, seed)
    found = _run(graph, target, timed, repeats, seed, lowered.board.clock_hz)
    mcu = lowered.board.mcu
    assert mcu is not None and mcu.flash_timing is not None
    identity = replace(
        found.identity,
        kind="model",
        name=f"{plain.board.name} with the flash of {lowered.board.name}",
        cost_model=f"{found.identity.cost_model}; flash: {mcu.flash_timing.source}",
    )
    options = lowered.board.options
    estimated = replace(found, board=lowered.board.name, identity=identity, options=options)
    database.add(estimated, store)
    return Estimate(simulated, estimated)


def _run(
    graph: Graph,
    target: Target[Any],
    artifact: Artifact[Any],
    repeats: int,
    seed: int,
    clock_hz: int | None = None,
) -> Measurement:
    """``artifact`` in its emulator; times at ``clock_hz`` where that is given."""
    feeds = boundary.enter(graph, artifact.lowered.graph, random_feeds(graph, 1, seed))
    with target.open(artifact) as session:
        runs = session.timed(feeds, repeats, WARM_UP)
        identity: Identity = session.identity
    if clock_hz is not None:
        runs = [[_at(layer, clock_hz) for layer in run] for run in runs]
        identity = replace(identity, clock_hz=clock_hz)
    return measurement(graph, artifact, identity, runs, feeds)


def _at(layer: LayerTiming, clock_hz: int) -> LayerTiming:
    return replace(layer, us=None if layer.cycles is None else layer.cycles * 1e6 / clock_hz)
