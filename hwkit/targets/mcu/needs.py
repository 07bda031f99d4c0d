"""What the kernels of a lowered graph ask of the memory for activations."""

from __future__ import annotations

from hwkit.target import ArenaNeeds, Lowered
from hwkit.targets.mcu.lower import McuPlan, arena_regions, other_bytes, section


def arena_needs(lowered: Lowered[McuPlan]) -> ArenaNeeds:
    """Scratch and overlaps of the kernels that were picked; what variables and stack leave of the
    board's SRAM, and of the limit that the build has.

    Example: on a board of 32,768 bytes with a stack of 2,048 a graph of 10 layers has 664 bytes of
    variables and room for 30,056 of activations; with a limit of 20,000 bytes for 19,336.
    """
    mcu = section(lowered.board)
    layers = lowered.plan.layers
    return ArenaNeeds(
        {layer.op.name: layer.scratch_bytes for layer in layers},
        {layer.op.name: layer.overlaps for layer in layers},
        other_bytes(len(layers)),
        sum(region.size_bytes for region in arena_regions(mcu, len(layers))),
    )
