"""Grids that values share: a state's, and that of the value it takes in the next step."""

from __future__ import annotations

from collections.abc import Mapping

from torch import fx

from hwkit.train.ptq import pieces
from hwkit.train.ptq.trace import Network, module_of
from hwkit.train.ptq.twin import Grid, Site


def tied(network: Network, grids: Mapping[Site, Grid]) -> dict[Site, Grid]:
    """``grids`` with those of states replaced by the grids of their next values, so that a step
    reads what the last one left, integer by integer.

    Example: the hidden state of an LSTM is read on the grid of ``o * tanh(c)``.
    """
    sites, found = {site.node: site for site in grids}, dict(grids)
    for node in network.graph.nodes:
        module = module_of(network, node)
        if isinstance(module, pieces.Input) and module.next_value is not None:
            later = _ends(network).args[module.next_value]
            found[_behind(node, sites)] = grids[_before(later, sites)]
    return found


def _ends(network: Network) -> fx.Node:
    return next(n for n in network.graph.nodes if isinstance(module_of(network, n), pieces.Outputs))


def _behind(node: fx.Node, sites: Mapping[str, Site]) -> Site:
    """The quantizer of an input, behind what only turns it."""
    while node.name not in sites:
        node = next(iter(node.users))
    return sites[node.name]


def _before(node: fx.Node, sites: Mapping[str, Site]) -> Site:
    """The quantizer of a value, before what only turns it."""
    while node.name not in sites:
        node = node.all_input_nodes[0]
    return sites[node.name]
