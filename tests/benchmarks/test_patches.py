"""The networks of the patch benchmark, and what residual ones need in stages."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.networks import resnet8
from benchmarks.patch_networks import cifar_resnet, mobilenet_v2, mobilenet_v2_035, vww_80
from benchmarks.patches import costs_of, plans
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.lower.patch.plan import plain

PUBLISHED = {
    mobilenet_v2: 300_774_272 - 1280 * 1000,
    mobilenet_v2_035: 18_909_490,
    vww_80: 11_578_496,
    cifar_resnet: 76_473_920,
}
"""Multiplications: MobileNetV2 without its classifier, what msf-CNN's planner counts, IC02."""


@pytest.mark.parametrize("make", PUBLISHED)
def test_a_network_is_that_of_its_name(make: Callable[[], Graph]) -> None:
    graph = make()
    assert sum(macs(graph, op) for op in graph.nodes) == PUBLISHED[make]


@pytest.mark.parametrize("make", [resnet8, cifar_resnet])
def test_residual_networks_need_a_third_for_no_more_work(make: Callable[[], Graph]) -> None:
    costs = costs_of(make(), "in the arena")
    least = next(plans(costs))
    assert least.macs == least.plain_macs
    assert least.arena_bytes < 0.35 * plain(costs).arena_bytes
