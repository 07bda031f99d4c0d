"""Refuses what a target did not claim: nothing reaches an emitter that its capabilities lack."""

from __future__ import annotations

from typing import TypeVar

from hwkit.boards import Board
from hwkit.errors import UnsupportedOp
from hwkit.ir.graph import Graph
from hwkit.ir.ops import rescales
from hwkit.ir.traits import Weighted
from hwkit.target import Capabilities, Lowered, Target

P = TypeVar("P")


def lowered(target: Target[P], graph: Graph, board: Board) -> Lowered[P]:
    """``graph`` lowered by ``target``; its border is checked before, its nodes after.

    ``UnsupportedOp`` names the node, the board and what would serve.
    """
    able = target.capabilities(board)
    check_border(graph, able, board.name)
    made = target.lower(graph, board)
    check_nodes(made.graph, able, board.name)
    return made


def check_border(graph: Graph, able: Capabilities, board: str) -> None:
    """Inputs, outputs and states: what no lowering changes."""
    for kind, names, most in (
        ("inputs", graph.inputs, able.most_inputs),
        ("outputs", graph.outputs, able.most_outputs),
    ):
        if most is not None and len(names) > most:
            raise UnsupportedOp(
                graph.name,
                board,
                f"it takes {most} of its {len(names)} {kind} {', '.join(names)}; split the "
                "network, or take another board",
            )
    if graph.states and not able.states:
        kept = ", ".join(state.tensor for state in graph.states[:3])
        kept += ", ..." if len(graph.states) > 3 else ""
        raise UnsupportedOp(
            graph.name,
            board,
            f"its {len(graph.states)} states ({kept}) would end with an inference there; make them "
            "inputs and outputs, or take a board that keeps them (a microcontroller does)",
        )


def check_nodes(graph: Graph, able: Capabilities, board: str) -> None:
    """Op classes, roundings, and the widths of weights and activations of a lowered graph."""
    for op in graph.nodes:
        if type(op) not in able.ops:
            ops = ", ".join(sorted(kind.__name__ for kind in able.ops))
            raise UnsupportedOp(op.name, board, f"{type(op).__name__} has no form; use {ops}")
        roundings = able.roundings.get(type(op), ())
        for rescale in rescales(op):
            if rescale is not None and rescale.rounding not in roundings:
                exact = ", ".join(rounding.value for rounding in roundings)
                raise UnsupportedOp(
                    op.name, board, f"rounding {rescale.rounding.value}; requantize with {exact}"
                )
        _check_bits(graph, op.name, op.output, able.activation_bits, board)
        if isinstance(op, Weighted):
            _check_bits(graph, op.name, op.weight, able.weight_bits, board)


def _check_bits(graph: Graph, node: str, name: str, known: tuple[int, ...], board: str) -> None:
    bits = graph.tensors[name].dtype.bits
    if bits > max(known):
        raise UnsupportedOp(node, board, f"{name} has {bits} bits; at most {max(known)} there")
