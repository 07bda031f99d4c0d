"""Biases that take off the mean error of all that is before them.

Nagel et al. 1906.04721, section 4.2, empirically: layer after layer, each channel's mean in the
quantized network is brought to its mean in the float one.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from hwkit.train.ptq.blocks import Block, part, quantized_node, run_batches, starts
from hwkit.train.ptq.grids import watch
from hwkit.train.ptq.kinds import Kind
from hwkit.train.ptq.trace import Network, kind_of

_BATCH = 64


def correct_biases(network: Network, quantized: Network, blocks: list[Block], x: Tensor) -> None:
    """Corrects the biases of ``quantized``, the twin of ``network``, from samples ``x``."""
    plain, coarse = starts(network, quantized, blocks, x)
    for block in blocks:
        wanted = part(network, block.start.node, block.end.node)
        got = part(quantized, *(quantized_node(quantized, s) for s in (block.start, block.end)))
        paths = {
            node.name: str(node.target)
            for node in wanted.graph.nodes
            if kind_of(network, node) is Kind.WEIGHTED
        }
        targets = _means(wanted, list(paths), plain)
        for name, path in paths.items():
            error = targets[name] - _means(got, [name], coarse)[name]
            with torch.no_grad():
                quantized.get_submodule(path).bias += error
        plain, coarse = run_batches(wanted, plain), run_batches(got, coarse)


def _means(network: Network, names: list[str], x: Tensor) -> dict[str, Tensor]:
    """The mean of each channel of single nodes."""
    sums: dict[str, Tensor] = {}
    axes = {
        node.name: -1 if isinstance(network.get_submodule(str(node.target)), torch.nn.Linear) else 1
        for node in network.graph.nodes
        if node.name in names
    }

    def add(name: str) -> Callable[[Tensor], None]:
        def see(value: Tensor) -> None:
            moved = value.movedim(axes[name], -1)
            share = moved.reshape(len(value), -1, moved.shape[-1]).mean(1).sum(0) / len(x)
            sums[name] = sums.get(name, torch.zeros(())) + share

        return see

    watch(network, x.split(_BATCH), {name: add(name) for name in names})
    return sums
