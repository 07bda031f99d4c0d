"""What a network computes of constants alone, computed beforehand."""

from __future__ import annotations

import torch
from torch import Tensor, fx, nn

from hwkit.train.ptq import pieces


def fold_constants(network: fx.GraphModule) -> None:
    """Makes what reads constants alone a constant, a product with zeros zeros and a sum with zeros
    its other operand, and takes a constant that differs along one axis at most as gain or offset.

    Example: the first step of an unrolled recurrent layer, whose state is zeros, loses its products
    with the state.
    """
    for node in list(network.graph.nodes):
        reads = node.all_input_nodes
        if node.op != "call_module" or not reads:
            continue
        module, values = _module(network, node), [_value(network, n) for n in reads]
        if all(v is not None for v in values):
            known = [_value(network, n) for n in node.args]
            _replace(network, node, pieces.Constant(module(*known)), ())
        elif len(node.args) == 2 and len(reads) == 2 and any(v is not None for v in values):
            at = 0 if values[0] is not None else 1
            value = values[at]
            assert value is not None
            _with_one(network, node, module, at, value)
    network.graph.eliminate_dead_code()
    network.recompile()


def _with_one(
    network: fx.GraphModule, node: fx.Node, module: nn.Module, at: int, value: Tensor
) -> None:
    """An operator of an activation and a constant, its operand ``at``."""
    other, zero = node.args[1 - at], not bool(value.any())
    same = node.meta.get("shape") == other.meta.get("shape")
    shape = node.meta.get("shape")
    if isinstance(module, pieces.Multiply) and zero and shape is not None:
        _replace(network, node, pieces.Constant(torch.zeros(1, *shape[1:])), ())
    elif (
        zero
        and same
        and isinstance(module, pieces.Add | pieces.Subtract)
        and (at == 1 or isinstance(module, pieces.Add))
    ):
        node.replace_all_uses_with(other)
    elif sum(n > 1 for n in value.shape) <= 1 and same:
        one, none = torch.ones(()), torch.zeros(())
        value = value.reshape(()) if value.numel() == 1 else value
        match module:
            case pieces.Add():
                _replace(network, node, pieces.Affine(one, value), (other,))
            case pieces.Subtract():
                pair = (-one, value) if at == 0 else (one, -value)
                _replace(network, node, pieces.Affine(*pair), (other,))
            case pieces.Multiply():
                _replace(network, node, pieces.Affine(value, none), (other,))


def _replace(
    network: fx.GraphModule, node: fx.Node, module: nn.Module, reads: tuple[fx.Node, ...]
) -> None:
    """``module`` in place of what ``node`` calls, at its path."""
    parent, _, name = str(node.target).rpartition(".")
    setattr(network.get_submodule(parent), name, module)
    node.args = reads


def _module(network: fx.GraphModule, node: fx.Node) -> nn.Module:
    return network.get_submodule(str(node.target))


def _value(network: fx.GraphModule, node: fx.Node) -> Tensor | None:
    """What a node gives that is a constant."""
    module = _module(network, node) if node.op == "call_module" else None
    return module.value if isinstance(module, pieces.Constant) else None
