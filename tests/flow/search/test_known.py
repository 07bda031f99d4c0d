"""What is known of a network before it is built."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("torch")

from hwkit.flow.search.known import MARGIN, Known
from hwkit.train.recipe import Block, read_recipe

SHAPE = (1, 8, 8)
RECIPE = read_recipe("digits")


def measurement(**cycles: int | None) -> Any:
    layers = [SimpleNamespace(name=name, cycles=c) for name, c in cycles.items()]
    return SimpleNamespace(layers=layers)


def test_blocks_cost_what_they_cost_elsewhere() -> None:
    known = Known()
    taken = measurement(**{
        "conv1": 100, "block1.depthwise": 20, "block1.pointwise": 30, "block2.add": 5,
        "pool": 7, "fc_flatten": 1, "fc": 3, "fc_other": 1000,
    })  # fmt: skip
    known.learn(RECIPE, SHAPE, taken)
    assert known.sum(RECIPE, SHAPE) == known.predicted(RECIPE, SHAPE) == 166
    conv, first, *rest = RECIPE.blocks
    assert known.sum(replace(RECIPE, blocks=(replace(conv, name="other"), *rest)), SHAPE) == 100
    wider = replace(RECIPE, blocks=(Block("conv1", "conv", 9), first, *rest))
    # The blocks behind read another map: up to where the map is the same again.
    assert known.sum(wider, SHAPE) == 166 - 100 - 50
    assert known.predicted(wider, SHAPE) is None
    assert known.sum(RECIPE, (1, 16, 16)) == 0
    quantized = replace(RECIPE, quantization=replace(RECIPE.quantization, weight_bits=4))
    assert known.sum(quantized, SHAPE) == 0
    least = known.least(RECIPE, SHAPE, 1100, 1_000_000)
    assert least == pytest.approx(
        {"latency_cycles": 166 / MARGIN, "latency_us": 166 / MARGIN, "flash_bytes": 1000}
    )
    assert "latency_us" not in known.least(RECIPE, SHAPE, 1100, None)


def test_a_board_without_cycles_teaches_nothing() -> None:
    known = Known()
    known.learn(RECIPE, SHAPE, measurement(conv1=None, fc=None))
    assert known.cycles == {}
