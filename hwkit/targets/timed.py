"""What ``target.Session.timed`` takes, checked in one place."""

from __future__ import annotations

from collections.abc import Mapping

from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import fed
from hwkit.ir.types import Array


def timed_sample(
    graph: Graph, feeds: Mapping[str, Array], repeats: int, warm_up: int
) -> dict[str, Array]:
    """The one sample to time, each input in its container dtype.

    ``ConfigError`` for feeds that do not fit ``graph``, are not of one sample each, and for no
    repeats or a negative ``warm_up``.
    """
    given = fed(graph, feeds)
    samples = {len(x) for x in given.values()}
    if samples != {1} or repeats < 1 or warm_up < 0:
        raise ConfigError(
            f"timing: {max(samples)} samples, {repeats} repeats, {warm_up} to warm up; give one "
            "sample and at least one repeat"
        )
    return given
