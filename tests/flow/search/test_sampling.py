"""The sampler: the cheapest first, the same answers give the same questions."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("optuna")

from hwkit.flow.search.sampling import Sampler
from hwkit.flow.search.space import Space, Value, read_space

LIMITS = {"latency_cycles": 40.0}


def drawn(space: Space, count: int) -> list[dict[str, Value]]:
    sampler, points = Sampler(space, list(LIMITS), 1, 4), list[dict[str, Value]]()
    for number in range(count):
        asked = sampler.ask(anywhere=number >= 8)
        points.append(dict(asked.chosen))
        if asked.chosen["resolution"] == 8 and asked.chosen["blocks.middle.kind"] == "conv":
            sampler.refuse(asked)
            continue
        cycles = float(str(asked.chosen["blocks.stem.channels"])) * 4
        sampler.tell(asked, cycles / 100, {"latency_cycles": cycles}, LIMITS)
    return points


def test_the_cheapest_first_and_always_the_same(tmp_path: Path) -> None:
    space = read_space("digits")
    points = drawn(space, 12)
    assert points[0] == space.least()
    assert len({tuple(point.items()) for point in points}) > 6
    assert drawn(space, 12) == points
