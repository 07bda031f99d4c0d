"""Which layers give a kernel up when the arena is too large."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hwkit.ir.ops import Reshape
from hwkit.targets.mcu.choice.rounds import _asks_more
from hwkit.targets.mcu.lower import Layer

BY_RULE = Layer(Reshape("op", "x", "y"), (), 100, {"x": 16})


@pytest.mark.parametrize(
    ("layer", "more"),
    [
        (BY_RULE, False),
        (replace(BY_RULE, scratch_bytes=101), True),
        (replace(BY_RULE, scratch_bytes=50, overlaps={"x": 17}), True),
        (replace(BY_RULE, scratch_bytes=50, overlaps={}), True),
        (replace(BY_RULE, overlaps={"x": 0, "z": 4}), False),
    ],
)
def test_more_scratch_or_an_output_farther_from_its_input(layer: Layer, more: bool) -> None:
    assert _asks_more(layer, BY_RULE) is more
