"""First step sizes of narrow activations."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from hwkit.train.networks import float_network
from hwkit.train.recipe import read_recipe
from hwkit.train.steps import best_clip, fit_steps
from hwkit.train.twins import quantized_network


def test_one_far_value_is_cut_off_where_that_is_less_error() -> None:
    values = torch.tensor([1.0] * 999 + [8.0])
    assert best_clip(values, 1, signed=False) == pytest.approx(1.0, rel=0.2)
    assert best_clip(values[:3], 8, signed=False) == pytest.approx(1.0, rel=0.2)


def test_the_positive_side_of_signed_levels_is_one_shorter() -> None:
    assert best_clip(torch.tensor([1.0, -1.0, 0.0]), 2, signed=True) == 2.0  # -2, -1, 0, 1 steps


def test_only_the_maps_that_are_named_change() -> None:
    torch.manual_seed(1)
    digits = read_recipe("digits")
    recipe = replace(digits, blocks=(digits.blocks[0], digits.blocks[-1]))
    first = recipe.blocks[0].name
    maps, x = {f"{first}_relu": 2}, torch.rand(8, 1, 8, 8)
    twin = float_network(recipe, (1, 8, 8)).eval()
    network, _ = quantized_network(recipe, (1, 8, 8), {}, maps)
    before = {k: v.clone() for k, v in network.named_parameters()}
    fit_steps(network, twin, maps, x)
    changed = [k for k, v in network.named_parameters() if not torch.equal(v, before[k])]
    assert len(changed) == 1 and changed[0].startswith(f"{first}_relu.")
    with torch.no_grad():
        wanted = best_clip(
            twin.get_submodule(f"{first}_relu")(twin.get_submodule(first)(x)), 2, False
        )
    now = dict(network.named_parameters())[changed[0]].detach()
    assert float(now) == pytest.approx(wanted)
