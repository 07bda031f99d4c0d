"""What each layer takes of an FPGA at each weight width: estimates, at one speed for all widths."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

from hwkit.allocate.cost import CostRow, CostTable, FixedCost
from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.traits import Weighted
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.targets.rtl.cost import RamBlock, cost, ram_block
from hwkit.targets.rtl.folding import Folding, cheapest, search
from hwkit.targets.rtl.layers import Layer
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import part_resources, wanted_cycles


def estimate_costs(graph: Graph, board: Board, widths: Sequence[int] = (8, 4)) -> CostTable:
    """A row for each layer with weights and each of ``widths`` (1..8 bits): its LUTs in the
    cheapest folding that is as fast as ``board`` asks (or as the narrowest width can be on it);
    ``fixed`` holds the other layers and the shell.

    Layers of a pipeline work at the same time, so that there are no cycles to share out: the
    table knows LUTs and bytes of weights. Raises what ``folded`` raises, ``ConfigError`` for a
    graph without weights.

    Example: widths (8, 4) of a graph with two convolutions give four rows.
    """
    names = weighted_layers(graph)
    if not names:
        raise ConfigError(f"{graph.name}: no layer has weights, so no width can be chosen")
    resources = part_resources(board)
    narrowest = network(with_weight_bits(graph, min(widths))).layers
    pace = search(narrowest, resources, wanted_cycles(board), board.name).interval_cycles
    rows: list[CostRow] = []
    fixed = 0.0
    for bits in widths:
        narrow = with_weight_bits(graph, bits)
        layers = network(narrow).layers
        found = cheapest(layers, resources, pace)
        luts = _luts(layers, found, ram_block(resources))
        rows += [_row(narrow, name, bits, luts[name], board) for name in names]
        fixed = max(fixed, found.cost.lut - sum(luts[name] for name in names))
    return CostTable(board.name, tuple(rows), FixedCost(lut=ceil(fixed)))


def _luts(layers: Sequence[Layer], folding: Folding, block: RamBlock) -> dict[str, float]:
    """Estimated LUTs by layer."""
    pairs = zip(layers, folding.folds, strict=True)
    return {layer.name: cost(layer, fold, block).lut for layer, fold in pairs}


def _row(graph: Graph, name: str, bits: int, lut: float, board: Board) -> CostRow:
    op = next(op for op in graph.nodes if op.name == name and isinstance(op, Weighted))
    weights = graph.tensors[op.weight]
    return CostRow(
        layer=name,
        bits=bits,
        weight_bytes=weights.packed_bytes,
        lut=ceil(lut),
        evidence="estimated",
        board=board.name,
    )
