"""From any graph to one that the kernels compute, with its memory planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Literal

from hwkit.boards import Board, McuBoard
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op, activations
from hwkit.ir.storage import Storage
from hwkit.ir.traits import InPlace
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.memory import MemoryPlan, Region
from hwkit.lower.offset_to_bias import whole_steps_to_bias
from hwkit.lower.optimize import optimize
from hwkit.lower.patch.schedule import halo
from hwkit.lower.patch.schedule import staged as staged_steps
from hwkit.lower.patch.turns import Stage
from hwkit.lower.reorder import reorder
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.lower.saturating import require_saturating
from hwkit.lower.schedule import Schedule, step_per_node
from hwkit.lower.shift_to_signed import shift_to_signed
from hwkit.lower.wide_apart import wide_apart
from hwkit.target import Lowered
from hwkit.targets.mcu.accesses import accesses
from hwkit.targets.mcu.call import Call, Pick
from hwkit.targets.mcu.capabilities import CAPABILITIES, STORED, check
from hwkit.targets.mcu.choices import Choice
from hwkit.targets.mcu.kernels import Kernel, available, implementations
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.one_width import one_width
from hwkit.targets.mcu.packed import packed
from hwkit.targets.mcu.packed_parts import are_packed, fit, packed_parts
from hwkit.targets.mcu.read_ahead import overlaps
from hwkit.targets.mcu.room import least, of_speed
from hwkit.targets.mcu.sharing import by_rule
from hwkit.targets.mcu.stages import UNSTAGED, Staging, Tiled, numbered, staging
from hwkit.targets.mcu.states import NONE, Updates, updates
from hwkit.targets.mcu.states import plan as plan_memory
from hwkit.targets.mcu.stored import storages
from hwkit.toolchain.linker_script import regions

RUNTIME_BYTES = 624
CYCLES_BYTES = 4
"""Of SRAM beside activations and stack: the runtime's variables (608 on the board that has most of
them), and for each layer its cycles."""

MOST_TENSORS = 28
"""Inputs, outputs and states in all: what a frame of 256 bytes describes, with the longest name."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of the lowered graph and the kernel calls that compute it; ``scratch_bytes`` is
    the most that any of them needs, ``overlaps`` see ``read_ahead``. A layer that is computed in
    parts has its calls and overlaps in ``tiled``: ``calls`` are those of the first class.
    ``over_start``: the output may lie from the start of the input on (``rows``)."""

    op: Op
    calls: tuple[Call, ...]
    scratch_bytes: int
    overlaps: Mapping[str, int]
    tiled: Tiled | None = None
    over_start: bool = False


@dataclass(frozen=True, slots=True)
class McuPlan:
    """Layers in order and what computes each, the kernels they use by symbol, the memory plan, how
    each activation is ``stored`` in it and how the states change; ``choice`` says what the picks
    were chosen by, ``staging`` which layers are computed in parts. ``small``: the picks are those
    that take least memory, of all kernels or of the fast ones."""

    layers: tuple[Layer, ...]
    picks: tuple[Pick, ...]
    kernels: dict[str, Kernel]
    memory: MemoryPlan
    stored: Mapping[str, Storage]
    choice: Choice | None = None
    states: Updates = NONE
    staging: Staging = UNSTAGED
    small: Literal["", "fast", "all"] = ""


def lower(graph: Graph, board: Board) -> Lowered[McuPlan]:
    """``graph`` with signed activations, fused rescales and roundings that the kernels have, its
    layers in the order that needs least memory;
    offsets are in biases as far as these can hold them.

    ``plan`` is an ``McuPlan``. Raises ``UnsupportedOp`` for what no kernel computes, and
    ``ConfigError`` when activations and stack exceed the board's SRAM.
    """
    mcu = section(board)
    require_saturating(graph, board.name)
    optimized = optimize(apply(graph, lambda g: whole_steps_to_bias(fuse_requantize(g))))
    signed = apply(verify(shift_to_signed(optimized.graph)), lambda g: one_width(wide_apart(g)))
    lowered, retargeted = retarget_rounding(signed, CAPABILITIES.roundings, board.name)
    check(lowered, board.name)
    _check_describable(lowered, board.name)
    ordered, planned = _ordered(verify(lowered), mcu)
    return Lowered(ordered, board, planned, retargeted, optimized.found)


def staged(lowered: Lowered[McuPlan], stages: Sequence[Stage]) -> Lowered[McuPlan]:
    """``lowered`` with the layers of ``stages``, of its graph, computed in parts, by the kernels
    that it has where these compute every part, narrow maps packed where that takes fewer bytes.

    ``ConfigError`` for what the firmware can't run, ``GraphError`` for stages whose layers don't
    follow each other. Example: ``staged(lowered, [by_output(graph, graph.nodes[:4], 2)])``.
    """
    found = staging(lowered.graph, stages)
    mcu, picks = section(lowered.board), lowered.plan.picks
    if lowered.plan.small:
        picks = _small(lowered, found)
    planned = min(
        (plan(lowered.graph, mcu, picks, staging=s) for s in found.ways_to_pack(lowered.graph)),
        key=lambda of: (of.memory.missing_bytes, of.memory.arena_bytes),
    )
    partial = frozenset(name for stage in stages for name in stage.between)
    return replace(lowered, plan=planned, partial=partial)


def _small(lowered: Lowered[McuPlan], found: Staging) -> tuple[Pick, ...]:
    """The picks, where layers are in parts those kernels that take least memory for these."""
    graph, stored = lowered.graph, lowered.plan.stored
    known = implementations(section(lowered.board))
    picks = list(lowered.plan.picks)
    for place, op in enumerate(graph.nodes):
        tile = found.layers.get(op.name)
        if tile is None or not tile.classes[0]:
            continue
        stage = found.stages[tile.stage]
        k = stage.nodes.index(op)
        rows = max(len(part.rows) for turn in stage.turns if (part := turn.parts[k]) is not None)
        row = (
            stored[op.output].bytes_of(graph.tensors[op.output])
            // graph.tensors[op.output].shape[0]
        )
        fitting = [
            kernel
            for kernel in known[tile.classes[0][0].kernel]
            if fit(tile.classes, kernel, stored, op.output)
        ]
        wanted = of_speed(fitting, lowered.plan.small == "all")
        small = least(wanted, tile.classes, stored, op.output, rows * row)
        if small is not None:
            picks[place] = replace(picks[place], kernel=small.symbol)
    return tuple(picks)


def _ordered(graph: Graph, mcu: McuBoard) -> tuple[Graph, McuPlan]:
    """The graph and its plan, in another order where that makes the arena smaller."""
    present = plan(graph, mcu)
    scratch = {layer.op.name: layer.scratch_bytes for layer in present.layers}
    stored = _stored_bytes(graph, present.stored)
    step = partial(reorder, tensor_bytes=stored, scratch_bytes=scratch)
    if step(graph).nodes == graph.nodes:
        return graph, present
    other = apply(graph, step)
    planned = plan(other, mcu)
    better = planned.memory.arena_bytes < present.memory.arena_bytes
    return (other, planned) if better else (graph, present)


def _check_describable(graph: Graph, board: str) -> None:
    """Refuses more tensors than the answer to INFO has room for."""
    count = len(graph.inputs) + len(graph.outputs) + len(graph.states)
    if count > MOST_TENSORS:
        raise ConfigError(
            f"board {board}: {graph.name} has {count} inputs, outputs and states; the serial link "
            f"describes at most {MOST_TENSORS}: join some"
        )


def section(board: Board) -> McuBoard:
    """The board's ``[mcu]`` section."""
    if board.mcu is None:
        raise ConfigError(f"board {board.name}: has no section [mcu]; choose a microcontroller")
    return board.mcu


def plan(
    graph: Graph,
    mcu: McuBoard,
    picks: Sequence[Pick] | None = None,
    like: McuPlan | None = None,
    staging: Staging | None = None,
) -> McuPlan:
    """Layers, kernels and memory of a lowered graph; ``picks`` for each of its nodes, or those
    of the rule (``picks_by_rule``). The memory is planned as in ``like``, another plan of this
    graph, where its layers ask the same of it; the stages are those of ``staging``, or else of
    ``like``."""
    if staging is None:
        staging = UNSTAGED if like is None else like.staging
    made = _calls(graph)
    rule = picks_by_rule(made, mcu)
    kernels = {kernel.symbol: kernel for of in implementations(mcu).values() for kernel in of}
    tiles = [staging.layers.get(op.name) for op in graph.nodes]
    found, given = storages(graph, staging.layers, staging.packed), rule if picks is None else picks
    chosen = tuple(
        other if tile and not fit(tile.classes, kernels[pick.kernel], found, op.output) else pick
        for op, pick, other, tile in zip(graph.nodes, given, rule, tiles, strict=True)
    )
    layers = [
        _layer(op, of, pick, kernels[pick.kernel] if of else None, tile, found)
        for op, of, pick, tile in zip(graph.nodes, made, chosen, tiles, strict=True)
    ]
    used = {call.kernel for layer in layers for call in layer.calls}
    stored = _stored_bytes(graph, found)
    states = updates(graph, stored)
    if like is not None and list(map(_asks, like.layers)) == list(map(_asks, layers)):
        memory = like.memory
    else:
        schedule = _schedule(graph, stored, layers, staging)
        banks = arena_regions(mcu, len(layers))
        memory = plan_memory(graph, schedule, states, banks, _movable(graph, layers))
    symbols = {name: kernels[name] for name in sorted(used)}
    return McuPlan(tuple(layers), chosen, symbols, memory, found, states=states, staging=staging)


def _schedule(
    graph: Graph, stored: Mapping[str, int], layers: Sequence[Layer], staging: Staging
) -> Schedule:
    scratch = {layer.op.name: layer.scratch_bytes for layer in layers}
    overlaps = {layer.op.name: layer.overlaps for layer in layers}
    over_start = {layer.op.name for layer in layers if layer.over_start}
    if not staging.stages:
        steps = step_per_node(graph, stored, scratch, overlaps, over_start)
        return _counted(graph, steps, stored)
    tiles = {layer.op.name: layer.tiled for layer in layers if layer.tiled is not None}

    def ahead(name: str, turn: int) -> Mapping[str, int]:
        tile = tiles[name]
        number = tile.of_turn[turn]
        return {} if number is None else tile.overlaps[number]

    given = scratch, overlaps, ahead, over_start
    schedule = staged_steps(graph, staging.stages, stored, *given)
    turns = {halo(name): len(stage.turns) for stage in staging.stages for name in stage.buffers}
    return _counted(graph, schedule, stored, turns)


def _counted(
    graph: Graph,
    schedule: Schedule,
    stored: Mapping[str, int],
    turns: Mapping[str, int] = MappingProxyType({}),
) -> Schedule:
    """``schedule`` with the bytes that its steps load and store: a node those of its own tensors,
    and its stage in each of so many ``turns`` what is kept of them, in and out."""
    nodes = {op.name: op for op in graph.nodes}
    steps = []
    for step in schedule.steps:
        own = accesses(graph, nodes[step.name], stored, step.scratch_bytes)
        sizes = schedule.tensor_bytes
        kept = {name: turns.get(name, 0) * sizes[name] for name in (*step.reads, *step.writes)}
        steps.append(replace(step, accessed={**kept, **own}))
    return replace(schedule, steps=tuple(steps))


def _movable(graph: Graph, layers: Sequence[Layer]) -> frozenset[str]:
    """What may be copied to another place before a layer reads it: no state, nothing that a stage
    has to do with."""
    if graph.states:
        return frozenset()
    tiled = (layer.op for layer in layers if layer.tiled is not None)
    staged = {name for op in tiled for name in (*activations(op), op.output)}
    found = {name for op in graph.nodes for name in activations(op)}
    return frozenset(found - staged - set(graph.outputs))


@lru_cache(maxsize=2)
def _calls(graph: Graph) -> tuple[tuple[Call, ...], ...]:
    """The calls of every node; they hold its packed weights, so that each plan of a graph takes
    the same."""
    return tuple(tuple(calls(graph, op)) for op in graph.nodes)


def picks_by_rule(made: Iterable[Sequence[Call]], mcu: McuBoard) -> list[Pick]:
    """What computes layers of these calls where nothing is measured: the best variant's kernel,
    shared where its inner loop is a function of its own."""
    best = available(mcu)
    return [
        Pick(of[0].kernel, by_rule(best[of[0].kernel])) if of else Pick("", False) for of in made
    ]


def _layer(
    op: Op,
    made: tuple[Call, ...],
    pick: Pick,
    kernel: Kernel | None,
    tile: Tiled | None,
    stored: Mapping[str, Storage],
) -> Layer:
    """``op`` computed by ``kernel``; None where there is nothing to call."""
    if kernel is None:
        return Layer(op, (), 0, {})
    if tile is None:
        forms = [packed(call, kernel, stored, op.output) for call in _picked(made, pick)]
        ahead_bytes = forms[0].ahead_bytes if len(forms) == 1 else None
        overlap = {} if ahead_bytes is None else {forms[0].call.inputs[0]: ahead_bytes}
        most = max(form.scratch_bytes for form in forms)
        fits = kernel.row.over_start
        called = tuple(form.call for form in forms)
        whole = len(called) == 1 and called[0].packing is None
        over_start = fits is not None and whole and fits(made[0].descriptor)
        return Layer(op, called, most, overlap, over_start=over_start)
    picked = [_picked(of, pick) for of in tile.classes]
    fits, over_start = kernel.row.over_start, False
    if are_packed(picked, kernel, stored, op.output):
        parts = packed_parts(picked, kernel, stored, op.output)
        classes, scratch = parts.classes, parts.scratch_bytes
        placed = classes[0]
        ahead = [
            {of[0].inputs[0]: far[0]} if len(of) == 1 and far[0] is not None else {}
            for of, far in zip(classes, parts.ahead_bytes, strict=True)
        ]
    else:
        classes = tuple(picked)
        scratch = max(kernel.scratch_bytes(call.descriptor) for of in classes for call in of)
        ahead = [overlaps(of, {kernel.symbol: kernel}) for of in classes]
        placed = tuple(laid_out(call, kernel.row.layout) for call in classes[0])
        if fits is not None:
            over_start = all(len(of) == 1 and fits(of[0].descriptor) for of in classes)
    if isinstance(op, InPlace):
        # Not over what has fewer bits: there would be more written than read.
        to = stored[op.output].bits
        over = [name for name in activations(op) if to <= stored[name].bits]
        ahead = [{**dict.fromkeys(over, 0), **of} for of in ahead]
    numbers = tuple(numbered(*of) for of in zip(placed, tile.varying, strict=True))
    tile = replace(tile, classes=classes, overlaps=tuple(ahead))
    return Layer(op, numbers, scratch, {}, tile, over_start)


def _picked(made: tuple[Call, ...], pick: Pick) -> tuple[Call, ...]:
    return tuple(replace(call, kernel=pick.kernel, shared=pick.shared) for call in made)


def _asks(layer: Layer) -> tuple[object, ...]:
    """What decides where the memory plan puts things."""
    tile = layer.tiled
    tiled = None if tile is None else tile.overlaps
    return layer.scratch_bytes, dict(layer.overlaps), tiled, layer.over_start


def other_bytes(layers: int) -> int:
    """Of SRAM beside activations and stack, at most."""
    return RUNTIME_BYTES + CYCLES_BYTES * layers


def arena_regions(mcu: McuBoard, layers: int) -> list[Region]:
    """What activations may take of each SRAM: of the first, where stack and variables lie, the
    rest; and of all no more than the build's limit leaves."""
    kept = other_bytes(layers)
    left = max(mcu.sram_bytes - kept, 0) if mcu.sram_bytes else None
    found = []
    for index, bank in enumerate(regions(mcu, "sram")):
        size = bank.size_bytes - (mcu.stack_bytes + kept if index == 0 else 0)
        size = max(size if left is None else min(size, left), 0)
        found.append(Region(bank.name, size, bank.wait_cycles))
        left = None if left is None else left - size
    return found


def _stored_bytes(graph: Graph, stored: Mapping[str, Storage]) -> dict[str, int]:
    return {name: storage.bytes_of(graph.tensors[name]) for name, storage in stored.items()}


def row_bytes(graph: Graph, plan: McuPlan, name: str) -> int:
    """Bytes of a row of a map that a stage reads or makes."""
    tensor = graph.tensors[name]
    return plan.stored[name].bytes_of(tensor) // tensor.shape[0]


def tensor_bytes(graph: Graph, name: str) -> int:
    """Bytes of an activation whose integers have a byte or more each: an input, output or state."""
    return STORED.bytes_of(graph.tensors[name])
