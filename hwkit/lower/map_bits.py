"""A graph as it would be at another width of its feature maps, for measuring what widths cost."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from hwkit.ir.graph import Graph
from hwkit.ir.ops import activations
from hwkit.lower.fuse_requantize import fuse_requantize
from hwkit.lower.narrow.grids import best_grid
from hwkit.lower.narrow.narrowed import narrowed
from hwkit.lower.narrow.sites import Site, sites


def map_sites(graph: Graph) -> tuple[Site, ...]:
    """The maps of the fused ``graph`` whose width can be chosen, in order."""
    return sites(fuse_requantize(graph))


def first_read(graph: Graph, site_of: Mapping[str, str]) -> dict[str, str]:
    """The map that each op of ``graph`` reads first, of those that ``site_of`` has by tensor; ops
    that read none are left out."""
    read = {op.name: [site_of[name] for name in activations(op) if name in site_of]
            for op in graph.nodes}  # fmt: skip
    return {name: sites[0] for name, sites in read.items() if sites}


def with_map_bits(graph: Graph, bits: int, names: Collection[str] | None = None) -> Graph:
    """The fused ``graph`` with its maps (those of ``names``, or all) in ``bits`` bits where they
    have more, on a grid over the whole of their range: the same work for a device as a network
    trained so, but not the same network.

    Example: an s8 map at 4 bits counts in steps of 17.
    """
    graph = fuse_requantize(graph)
    grids = {
        site: best_grid(
            np.ones(site.dtype.high - site.dtype.low + 1), site.dtype, site.zero_point, bits
        )
        for site in sites(graph)
        if site.dtype.bits > bits and (names is None or site.name in names)
    }
    return narrowed(graph, grids) if grids else graph
