"""From any graph to one that the kernels compute, with its memory planned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from hwkit.boards import Board, McuBoard
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Op
from hwkit.ir.verify import verify
from hwkit.lower.checked import apply
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.memory import MemoryPlan, plan_memory
from hwkit.lower.reorder import reorder
from hwkit.lower.retarget_rounding import retarget_rounding
from hwkit.lower.shift_to_signed import shift_to_signed
from hwkit.target import Lowered
from hwkit.targets.mcu.capabilities import CAPABILITIES, check
from hwkit.targets.mcu.kernels import Kernel, available
from hwkit.targets.mcu.layers import Call, calls
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.read_ahead import overlaps


@dataclass(frozen=True, slots=True)
class Layer:
    """One node of the lowered graph and the kernel calls that compute it; ``scratch_bytes`` is
    the most that any of them needs."""

    op: Op
    calls: tuple[Call, ...]
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class McuPlan:
    """Layers in order, the kernels they use by name, and the memory plan."""

    layers: tuple[Layer, ...]
    kernels: dict[str, Kernel]
    memory: MemoryPlan


def lower(graph: Graph, board: Board) -> Lowered:
    """``graph`` with signed activations, fused rescales and roundings that the kernels have, its
    layers in the order that needs least memory.

    ``plan`` is an ``McuPlan``. Raises ``UnsupportedOp`` for what no kernel computes, and
    ``ConfigError`` when activations and stack exceed the board's SRAM.
    """
    mcu = section(board)
    fused = apply(graph, fuse_requantize)
    signed = verify(shift_to_signed(fused))
    lowered, retargeted = retarget_rounding(signed, CAPABILITIES.roundings, board.name)
    check(lowered, board.name)
    ordered, planned = _ordered(verify(lowered), mcu)
    return Lowered(ordered, board, retargeted, planned)


def _ordered(graph: Graph, mcu: McuBoard) -> tuple[Graph, McuPlan]:
    """The graph and its plan, in another order where that makes the arena smaller."""
    present = plan(graph, mcu)
    scratch = {layer.op.name: layer.scratch_bytes for layer in present.layers}
    step = partial(reorder, tensor_bytes=_stored_bytes(graph), scratch_bytes=scratch)
    if step(graph).nodes == graph.nodes:
        return graph, present
    other = apply(graph, step)
    planned = plan(other, mcu)
    better = planned.memory.arena_bytes < present.memory.arena_bytes
    return (other, planned) if better else (graph, present)


def section(board: Board) -> McuBoard:
    """The board's ``[mcu]`` section."""
    if board.mcu is None:
        raise ConfigError(f"board {board.name}: has no section [mcu]; choose a microcontroller")
    return board.mcu


def plan(graph: Graph, mcu: McuBoard) -> McuPlan:
    """Layers, kernels and memory of a lowered graph."""
    kernels = available(mcu)
    layers = []
    for op in graph.nodes:
        made = tuple(laid_out(call, kernels[call.kernel]) for call in calls(graph, op))
        scratch = [kernels[call.kernel].scratch_bytes(call.descriptor) for call in made]
        layers.append(Layer(op, made, max(scratch, default=0)))
    used = {call.kernel for layer in layers for call in layer.calls}
    memory = plan_memory(
        graph,
        _stored_bytes(graph),
        {layer.op.name: layer.scratch_bytes for layer in layers},
        overlaps={layer.op.name: overlaps(layer.calls, kernels) for layer in layers},
    )
    return McuPlan(tuple(layers), {name: kernels[name] for name in sorted(used)}, memory)


def _stored_bytes(graph: Graph) -> dict[str, int]:
    names = (*graph.inputs, *(op.output for op in graph.nodes))
    return {name: tensor_bytes(graph, name) for name in names}


def tensor_bytes(graph: Graph, name: str) -> int:
    """Bytes of an activation in the arena: one for each integer of at most 8 bits, else four."""
    tensor = graph.tensors[name]
    return tensor.elements * (1 if tensor.dtype.bits <= 8 else 4)
