"""A traced network in the few forms that the tables know: one function each becomes several.

Attention is a product, a softmax and a product; an index is a slice and a reshape; parts that are
taken from a first axis which a permutation made are taken before it; what differs from place to
place and is added is an operand of its own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from hwkit.train.ptq.pieces import Constant, joined
from hwkit.train.ptq.standard import NotHandled

_ADDS = frozenset({operator.add, operator.iadd, torch.add})


def rewritten(network: fx.GraphModule) -> bool:
    """Rewrites ``network``, whose shapes are known, in place; whether anything changed, so that
    shapes must be found anew. ``NotHandled`` for attention with a mask."""
    changed = False
    for node in list(network.graph.nodes):
        rule = _rule(network, node)
        if rule is None:
            continue
        with network.graph.inserting_before(node):
            new = rule(node)
        if new is not None:
            node.replace_all_uses_with(new)
            changed = True
    if changed:
        network.graph.eliminate_dead_code()
        network.recompile()
    return changed


def _rule(network: fx.GraphModule, node: fx.Node) -> Callable[[fx.Node], fx.Node | None] | None:
    if node.target is F.scaled_dot_product_attention:
        return _attention
    if node.target is operator.getitem:
        return _item
    if node.target in ("select", torch.select):
        return _selected
    if node.target in _ADDS:
        return lambda n: _added(network, n)
    return (lambda n: _joined(network, n)) if node.target in (torch.cat, torch.concat) else None


def _shape(node: Any) -> tuple[int, ...] | None:
    shape = (
        getattr(node.meta.get("tensor_meta"), "shape", None) if isinstance(node, fx.Node) else None
    )
    return None if shape is None else tuple(shape)


def _attention(node: fx.Node) -> fx.Node | None:
    """``softmax(q k^T / sqrt(d)) v``."""
    names = ("query", "key", "value", "attn_mask", "dropout_p", "is_causal", "scale")
    given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
    if given.get("attn_mask") is not None or given.get("is_causal") or given.get("enable_gqa"):
        raise NotHandled("attention without a mask and with as many keys as queries' heads")
    query, key, value = (given[name] for name in names[:3])
    shape, scale = _shape(query), given.get("scale")
    if shape is None:
        return None  # What was rewritten has no shape before it is found anew.
    call = node.graph.call_function
    turned = call(torch.transpose, (key, -2, -1))
    scores = call(torch.matmul, (query, turned))
    scaled = call(torch.mul, (scores, 1 / math.sqrt(shape[-1]) if scale is None else scale))
    return call(torch.matmul, (call(torch.softmax, (scaled, -1)), value))


def _item(node: fx.Node) -> fx.Node | None:
    """``x[:, 0]``, and parts of an ``unbind``: a slice of length 1 without its axis."""
    source, index = node.args
    if not isinstance(source, fx.Node):
        return None
    if source.target in ("unbind", torch.unbind) and isinstance(index, int):
        x = source.args[0]
        axis = source.args[1] if len(source.args) > 1 else source.kwargs.get("dim", 0)
        return _taken(node.graph, x, axis, index)
    shape = _shape(source)
    entries = list(index) if isinstance(index, tuple) else [index]
    if shape is None or any(e is not Ellipsis and not isinstance(e, int | slice) for e in entries):
        return None
    if Ellipsis in entries:
        at = entries.index(Ellipsis)
        entries[at : at + 1] = [slice(None)] * (len(shape) - len(entries) + 1)
    numbers = [axis for axis, entry in enumerate(entries) if isinstance(entry, int)]
    if len(numbers) != 1 or any(e != slice(None) for e in entries if isinstance(e, slice)):
        return None
    return _taken(node.graph, source, numbers[0], entries[numbers[0]])


def _selected(node: fx.Node) -> fx.Node | None:
    axis, index = (
        node.args[k] if len(node.args) > k else node.kwargs.get(name)
        for k, name in ((1, "dim"), (2, "index"))
    )
    return _taken(node.graph, node.args[0], axis, index)


def _taken(graph: fx.Graph, x: Any, axis: Any, index: Any) -> fx.Node | None:
    """Entry ``index`` of an axis of ``x``, before a permutation where that made the axis."""
    shape = _shape(x)
    if shape is None or not isinstance(axis, int) or not isinstance(index, int):
        return None
    axis %= len(shape)
    order = _order(x)
    if order is not None:
        before, at = x.args[0], order[axis]
        part = _taken(graph, before, at, index)
        rest = [a - (a > at) for a in order if a != at]
        return None if part is None else graph.call_method("permute", (part, rest))
    if axis == 0:
        return None
    index %= shape[axis]
    cut = (*(slice(None) for _ in range(axis)), slice(index, index + 1))
    part = graph.call_function(operator.getitem, (x, cut))
    return graph.call_method("squeeze", (part, axis))


def _order(x: fx.Node) -> list[int] | None:
    """The order of axes that ``x`` permutes to; None if it is no permutation."""
    rank = len(_shape(x) or ())
    if x.target in ("permute", torch.permute):
        order = x.args[1:] or (x.kwargs.get("dims"),)
        order = order[0] if len(order) == 1 else order
        if isinstance(order, list | tuple) and all(isinstance(a, int) for a in order):
            return [a % rank for a in order]
    return None


def _added(network: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """A sum whose constant differs from place to place, as embedded positions do."""
    sides = list(node.args[:2])
    for k, side in enumerate(sides):
        value = _constant(network, side)
        varied = [] if value is None else [n for n in value.shape if n > 1]
        if value is not None and len(varied) > 1 and value.dim() == len(_shape(node) or ()):
            sides[k] = _operand(network, node.graph, str(side), value)
            return node.graph.call_function(operator.add, tuple(sides))
    return None


def _joined(network: fx.GraphModule, node: fx.Node) -> fx.Node | None:
    """Constants joined to activations, as a class token is."""
    parts = node.args[0] if node.args else node.kwargs.get("tensors", ())
    axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    values = [_constant(network, part) for part in parts]
    if all(value is None for value in values):
        return None
    new = [
        part if value is None else _operand(network, node.graph, str(part), value)
        for part, value in zip(parts, values, strict=True)
    ]
    return node.graph.call_function(joined, (new, axis))


def _constant(network: fx.GraphModule, node: Any) -> Tensor | None:
    """A parameter (1, ...) of the network, repeated for the batch or not."""
    if isinstance(node, fx.Node) and node.target in ("expand", "repeat", torch.expand_copy):
        sizes = node.args[1:] if len(node.args) > 2 else node.args[1]
        rest = list(sizes)[1:] if isinstance(sizes, list | tuple) else None
        if rest is None or any(
            n not in (-1, 1) and n != s for n, s in zip(rest, (_shape(node) or ())[1:], strict=True)
        ):
            return None
        return _constant(network, node.args[0])
    if not isinstance(node, fx.Node) or node.op != "get_attr":
        return None
    found: Any = network
    for part in str(node.target).split("."):
        found = getattr(found, part)
    return found if isinstance(found, Tensor) and found.dim() > 1 and found.shape[0] == 1 else None


def _operand(network: fx.GraphModule, graph: fx.Graph, name: str, value: Tensor) -> fx.Node:
    path = next(
        p
        for k in range(1, 1000)
        if not hasattr(network, p := f"constant_{name}_{k}".replace(".", "_"))
    )
    network.add_submodule(path, Constant(value))
    return graph.call_module(path)


def is_constant(module: nn.Module | None) -> bool:
    """Whether a node that calls ``module`` reads nothing."""
    return isinstance(module, Constant)
