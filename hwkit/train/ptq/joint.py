"""Functions of one value that a network spells in several layers, as ``x * sigmoid(x)``.

Such a product is one function of ``x``, and becomes one table: nothing in it is quantized.
"""

from __future__ import annotations

from torch import fx, nn

from hwkit.train.ptq import pieces
from hwkit.train.ptq.trace import Network, module_of

_ALONE = (
    nn.Sigmoid, nn.Tanh, nn.Hardsigmoid, nn.Softplus, nn.Softsign, nn.ELU, pieces.Curve,
)  # fmt: skip
_LONGEST = 8


def inside_functions(network: Network) -> set[fx.Node]:
    """The nodes between a value and a product of it with a function of itself.

    Example: of ``0.5 * x * (1 + erf(x / 1.414))`` all nodes but ``x`` and the last product.
    """
    found: set[fx.Node] = set()
    for node in network.graph.nodes:
        if isinstance(module_of(network, node), pieces.Multiply) and len(node.args) == 2:
            first, second = (_chain(network, arg) for arg in node.args)
            for source in first:
                if source in second:
                    inner = {*first[: first.index(source)], *second[: second.index(source)]}
                    bent = any(isinstance(module_of(network, n), _ALONE) for n in inner)
                    if bent and all(set(n.users) <= inner | {node} for n in inner):
                        found |= inner
                    break
    return found


def _chain(network: Network, node: fx.Node) -> list[fx.Node]:
    """``node`` and what it is a function of, back to where a value is read by others too."""
    chain = [node]
    for _ in range(_LONGEST):
        module = module_of(network, chain[-1])
        if isinstance(module, pieces.Affine):
            if module.gain.numel() * module.offset.numel() > 1:
                break
        elif not isinstance(module, _ALONE):
            break
        chain.append(chain[-1].args[0])
    return chain
