"""What the kernels of a lowered graph ask of the memory for activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hwkit.target import ArenaNeeds, Lowered
from hwkit.targets.mcu.call import Call, Pick
from hwkit.targets.mcu.descriptors import number
from hwkit.targets.mcu.kernels import Kernel, implementations
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.lower import Layer, McuPlan, arena_regions, other_bytes, plan, section
from hwkit.targets.mcu.packed import fits
from hwkit.targets.mcu.room import least, of_speed
from hwkit.targets.mcu.structs import Struct

_SHARE = 8
"""Of the room for activations at most one part in so many for a fast kernel's scratch."""


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
        {
            layer.op.name: rows
            for layer in layers
            for call in layer.calls
            if (rows := lowered.plan.kernels[call.kernel].row.rows_at_once) > 1
        },
        {
            name: storage.bytes_of(lowered.graph.tensors[name])
            for name, storage in lowered.plan.stored.items()
            if storage.bits < 8
        },
        {layer.op.name for layer in layers if layer.over_start},
        {layer.op.name for layer in layers if _parts_over_start(layer, lowered.plan)},
    )


def _parts_over_start(layer: Layer, plan: McuPlan) -> bool:
    """Whether two rows of a map, computed by themselves, may lie over those that they are made
    of."""
    if len(layer.calls) != 1 or layer.calls[0].packing is not None:
        return False
    (call,) = layer.calls
    over_start = plan.kernels[call.kernel].row.over_start
    window = call.descriptor.fields.get("window")
    if over_start is None or not isinstance(window, Struct):
        return False
    rows = min(number(window, "output_height"), 2)
    part = Struct({**window.fields, "output_height": rows})
    return over_start(Struct({**call.descriptor.fields, "window": part}))


def with_fast_kernels(lowered: Lowered[McuPlan]) -> Lowered[McuPlan]:
    """``lowered`` with those kernels that ask most scratch, which fast ones do, so that a plan of
    the memory can leave them room. No kernel whose scratch alone is an eighth of the room.

    Example: a depthwise 3x3 over (24, 24, 32) on a Cortex-M4 has the kernel with 1,248 bytes of
    scratch instead of that with 1,024.
    """
    mcu = section(lowered.board)
    known = implementations(mcu)
    most = arena_needs(lowered).room_bytes // _SHARE
    picks: list[Pick] = []
    for op, pick in zip(lowered.graph.nodes, lowered.plan.picks, strict=True):
        made = calls(lowered.graph, op)
        modest = [
            kernel
            for kernel in (known[made[0].kernel] if made else ())
            if all(kernel.fits(call.descriptor) for call in made)
            and (kernel.symbol == pick.kernel or _scratch(kernel, made) <= most)
        ]
        wanted = max(modest, key=lambda kernel: _scratch(kernel, made), default=None)
        picks.append(pick if wanted is None else replace(pick, kernel=wanted.symbol))
    return replace(lowered, plan=plan(lowered.graph, mcu, picks))


def with_small_kernels(lowered: Lowered[McuPlan], plain: bool) -> Lowered[McuPlan]:
    """``lowered`` with those kernels that ask least memory, scratch and how far an output starts
    before its input; of equals the first. Without ``plain`` a layer has one that takes its time
    from the core's own instructions, if there is one.

    Example: a depthwise 3x3 over (24, 24, 32) on a Cortex-M4 has the plain loops, which read 832
    bytes ahead; over (12, 12, 64) those that write over the input, with 544 of scratch. Where the
    room allows, measuring gives layers their fast kernels back.
    """
    mcu, stored = section(lowered.board), lowered.plan.stored
    known = implementations(mcu)
    picks: list[Pick] = []
    for op, pick in zip(lowered.graph.nodes, lowered.plan.picks, strict=True):
        made = calls(lowered.graph, op)
        fitting = [
            kernel
            for kernel in (known[made[0].kernel] if made else ())
            if all(fits(call, kernel, stored, op.output) for call in made)
        ]
        output = stored[op.output].bytes_of(lowered.graph.tensors[op.output])
        small = least(of_speed(fitting, plain), [made], stored, op.output, output)
        picks.append(pick if small is None else replace(pick, kernel=small.symbol))
    small_plan = plan(lowered.graph, mcu, picks)
    return replace(lowered, plan=replace(small_plan, small="all" if plain else "fast"))


def _scratch(kernel: Kernel, made: Sequence[Call]) -> int:
    return max(kernel.scratch_bytes(call.descriptor) for call in made)
