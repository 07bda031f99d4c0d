"""What the kernels of a lowered graph ask of the memory for activations."""

from __future__ import annotations

from hwkit.target import ArenaNeeds, Lowered
from hwkit.targets.mcu.lower import CYCLES_BYTES, RUNTIME_BYTES, McuPlan, section
from hwkit.toolchain.linker_script import regions


def arena_needs(lowered: Lowered[McuPlan]) -> ArenaNeeds:
    """Scratch and overlaps of the kernels that were picked; what variables and stack leave of the
    board's first SRAM.

    Example: on a board of 32,768 bytes with a stack of 2,048 a graph of 10 layers has 2,088 bytes
    of variables and room for 28,632 of activations.
    """
    mcu = section(lowered.board)
    layers = lowered.plan.layers
    other = RUNTIME_BYTES + CYCLES_BYTES * len(layers)
    first = regions(mcu, "sram")[0].size_bytes
    return ArenaNeeds(
        {layer.op.name: layer.scratch_bytes for layer in layers},
        {layer.op.name: layer.overlaps for layer in layers},
        other,
        max(first - mcu.stack_bytes - other, 0),
    )
