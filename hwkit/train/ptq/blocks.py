"""Blocks of a network: what lies between points through which all values pass.

A residual block is one, whatever it is called; layers in a chain join up to ``MOST_LAYERS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from hwkit.train.ptq.kinds import Kind
from hwkit.train.ptq.pieces import Input
from hwkit.train.ptq.trace import Network, kind_of, module_of
from hwkit.train.ptq.twin import Site

MOST_LAYERS = 3
"""Layers with weights in a block made of a chain: as many as an inverted residual has."""


@dataclass(frozen=True, slots=True)
class Block:
    """From the values of site ``start`` to those of site ``end``; ``layers`` with weights."""

    start: Site
    end: Site
    layers: tuple[str, ...]


def blocks_of(network: Network, sites: tuple[Site, ...]) -> list[Block]:
    """The blocks of a traced network, in order; each layer with weights is in one of them."""
    by_node = {site.node: site for site in sites}
    source = next(iter(network.graph.nodes))
    if any(isinstance(module_of(network, reader), Input) for reader in source.users):
        by_node[source.name] = Site("", source.name)  # Several inputs, before their quantizers.
    ends = (n for n in network.graph.nodes if kind_of(network, n) is Kind.ENDS)
    by_node |= {n.name: Site("", n.name) for n in ends}  # Several outputs, behind theirs.
    cuts = _cuts(network, set(by_node))
    segments: list[tuple[Site, Site, list[str]]] = []
    start, layers = None, list[str]()
    for node in network.graph.nodes:
        if kind_of(network, node) is Kind.WEIGHTED:
            layers.append(str(node.target))
        if node.name in cuts:
            if start is not None:
                segments.append((start, by_node[node.name], layers))
            start, layers = by_node[node.name], []
    return _joined(segments)


def _joined(segments: Sequence[tuple[Site, Site, list[str]]]) -> list[Block]:
    blocks: list[Block] = []
    for start, end, layers in segments:
        last = blocks[-1] if blocks else None
        if last is not None and len(last.layers) + len(layers) <= MOST_LAYERS:
            blocks[-1] = Block(last.start, end, (*last.layers, *layers))
        else:
            blocks.append(Block(start, end, tuple(layers)))
    return blocks


def _cuts(network: Network, quantized: set[str]) -> set[str]:
    """Names of the quantized nodes behind which nothing but their own value is read."""
    position = {node: i for i, node in enumerate(network.graph.nodes)}
    cuts, furthest = set(), -1
    for node, at in position.items():
        if node.name in quantized and furthest <= at:
            cuts.add(node.name)
        furthest = max([furthest, *(position[user] for user in node.users)])
    return cuts


def part(network: Network, start: str, end: str) -> Network:
    """What ``network`` computes from node ``start`` to node ``end``, sharing its modules."""
    graph, new = fx.Graph(), dict[fx.Node, fx.Node]()
    for node in network.graph.nodes:
        if node.name == start:
            new[node] = graph.placeholder(start)
        elif new and node.op == "call_module" and all(n in new for n in node.all_input_nodes):
            new[node] = graph.node_copy(node, lambda n: new[n])
        if node.name == end:
            graph.output(new[node])
            break
    return fx.GraphModule(network, graph)


def quantized_node(network: Network, site: Site) -> str:
    """The name of the node in a twin that quantizes at ``site``."""
    if not site.path:
        return site.node
    return next(str(n.name) for n in network.graph.nodes if n.target == site.path)


def run_batches(network: nn.Module, x: Tensor, size: int = 64) -> Tensor:
    """Outputs for samples (N, ...), batch by batch."""
    with torch.no_grad():
        return torch.cat([network(batch) for batch in x.split(size)])


def starts(
    network: Network, quantized: Network, blocks: list[Block], x: Tensor
) -> tuple[Tensor, Tensor]:
    """What the first block reads in the float network and in its twin."""
    site, first = blocks[0].start, str(next(iter(network.graph.nodes)).name)
    plain = x if site.node == first else run_batches(part(network, first, site.node), x)
    return plain, run_batches(part(quantized, first, quantized_node(quantized, site)), x)
