"""The arithmetic of published patch-based inference gives the published figures."""

from __future__ import annotations

from benchmarks.patch_networks import layers_to, mobilenet_v2
from hwkit.ir.counts import macs
from hwkit.lower.patch.grid import in_grid
from tests.lower.patch.test_turns import two_convolutions


def test_mobilenet_v2_as_published() -> None:
    """MCUNetV2: 1372 KiB, and about 172 KiB in 4 by 4 patches for less than 10 % more work. Its
    figures are those of layers by themselves: what a residual keeps is not in them."""
    plain, residual = (mobilenet_v2(residuals=kept) for kept in (False, True))
    whole = in_grid(plain, 0, 1)
    assert whole.arena_bytes == in_grid(residual, 0, 1).arena_bytes == 1372 * 1024
    assert whole.macs == sum(macs(plain, op) for op in plain.nodes)
    patches = in_grid(plain, layers_to(plain, 28), 4)
    assert patches.arena_bytes == 28 * 28 * (192 + 32) == 175_616  # 171.5 KiB
    assert 1.0 < patches.macs / whole.macs < 1.1
    kept = in_grid(residual, layers_to(residual, 28), 4)
    assert kept.arena_bytes == 28 * 28 * (192 + 32 + 32)


def test_two_patches_of_two_convolutions() -> None:
    graph = two_convolutions()
    whole = in_grid(graph, 0, 1)
    assert in_grid(graph, 2, 1).macs == whole.macs
    # Patches of 4 by 2 of a map of 8 by 4 read 5 by 3 of the map between.
    again = in_grid(graph, 2, 2)
    first, second = (macs(graph, op) for op in graph.nodes)
    assert again.macs == second + 4 * (first * 15 // 32)
