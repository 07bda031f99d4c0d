"""What each layer takes of an FPGA at each weight width: estimates, at one speed for all widths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from hwkit.allocate.cost import CostRow, CostTable, FixedCost, MapRow
from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.ir.graph import Graph
from hwkit.ir.traits import Weighted
from hwkit.lower.map_bits import first_read, map_sites, with_map_bits
from hwkit.lower.weight_bits import weighted_layers, with_weight_bits
from hwkit.targets.rtl.cost import Family, family, priced
from hwkit.targets.rtl.folding import Candidates, Folding, candidates, cheapest, search
from hwkit.targets.rtl.network import network
from hwkit.targets.rtl.plan import fpga, part_resources, wanted_cycles

_WHOLE = 8
"""Bits of maps as they are."""


def estimate_costs(
    graph: Graph, board: Board, widths: Sequence[int] = (8, 4), maps: Sequence[int] = ()
) -> CostTable:
    """A row for each layer with weights and each of ``widths`` (1..8 bits), and with ``maps`` (8
    and less) for each of these widths of the map that it reads: its LUTs in the cheapest folding
    that is as fast as ``board`` asks (or as the narrowest widths can be on it); ``fixed`` holds
    the other layers and the shell.

    Layers of a pipeline work at the same time, so that there are no cycles to share out: the
    table knows LUTs and bytes of weights. A layer without weights is charged to the map that it
    reads first. Raises what ``folded`` raises, ``ConfigError`` for a graph without weights.

    Example: widths (8, 4) of a graph with two convolutions give four rows.
    """
    names = weighted_layers(graph)
    if not names:
        raise ConfigError(f"{graph.name}: no layer has weights, so no width can be chosen")
    resources = part_resources(board)
    sites = map_sites(graph) if maps else ()
    narrow = sorted({_WHOLE, *maps}, reverse=True) if sites else [_WHOLE]
    least = _at(graph, min(widths), narrow[-1])
    of = family(fpga(board))
    every = candidates(network(least))
    found = search(every, resources, of, wanted_cycles(board), board.name)
    at = {
        (w, a): _priced(_at(graph, w, a), found.interval_cycles, board)
        for w in widths
        for a in narrow
    }
    site_of = {name: site.name for site in sites for name in site.tensors}
    read = first_read(least, site_of)
    rows = [
        _row(at[w, a], name, w, a if name in read else None, board)
        for w in widths
        for a in narrow
        for name in names
        if name in read or a == _WHOLE
    ]
    charged = {name: site for name, site in read.items() if name not in names}
    of_maps = [
        MapRow(site.name, a, lut=ceil(sum(
            at[max(widths), a].luts.get(name, 0.0) for name, of in charged.items()
            if of == site.name
        )))
        for site in sites
        for a in narrow
    ]  # fmt: skip
    fixed = max(
        one.total - sum(lut for name, lut in one.luts.items() if name in names or name in charged)
        for one in at.values()
    )
    return CostTable(
        board.name,
        tuple(rows),
        FixedCost(lut=ceil(fixed)),
        maps=tuple(of_maps),
        reads={name: site for name, site in read.items() if name in names},
    )


def _at(graph: Graph, bits: int, maps: int) -> Graph:
    """The graph with weights in ``bits`` and maps in ``maps`` bits."""
    return with_weight_bits(graph if maps == _WHOLE else with_map_bits(graph, maps), bits)


@dataclass(frozen=True, slots=True)
class _Priced:
    """A design's estimated LUTs by layer, and in all."""

    graph: Graph
    luts: dict[str, float]
    total: float


def _priced(graph: Graph, interval_cycles: int, board: Board) -> _Priced:
    of, every = family(fpga(board)), candidates(network(graph))
    found = cheapest(every, part_resources(board), of, interval_cycles)
    return _Priced(graph, _luts(every, found, of), found.cost.lut)


def _luts(every: Candidates, folding: Folding, of: Family) -> dict[str, float]:
    """Estimated LUTs by layer."""
    luts = {}
    for layer, each, fold in zip(every.layers, every.each, folding.folds, strict=True):
        luts[layer.name] = next(priced(c.made, of).lut for c in each if c.fold == fold)
    return luts


def _row(priced: _Priced, name: str, bits: int, maps: int | None, board: Board) -> CostRow:
    graph = priced.graph
    op = next(op for op in graph.nodes if op.name == name and isinstance(op, Weighted))
    return CostRow(
        layer=name,
        bits=bits,
        weight_bytes=graph.tensors[op.weight].packed_bytes,
        lut=ceil(priced.luts[name]),
        evidence="estimated",
        board=board.name,
        activation_bits=maps,
    )
