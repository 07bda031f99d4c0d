"""Networks of several inputs, as networks of one: the inputs side by side, (N, numbers in all).

All that quantizes knows one input. What is exported has the inputs apart again, each with its own
quantizer and name.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from hwkit.errors import ConfigError
from hwkit.ir.types import Array
from hwkit.train.ptq import pieces
from hwkit.train.ptq.samples import Samples


def packed(module: nn.Module, samples: Samples) -> tuple[nn.Module, Samples]:
    """``module`` and ``samples`` as they are, or, where its forward function takes several inputs,
    a copy that takes them side by side, and samples of these.

    Raises ``ConfigError`` where an input has no samples of its name.
    """
    names = _wanted(module)
    if len(names) < 2:
        return module, samples
    if not set(names) <= set(samples.inputs):
        given = ", ".join(samples.inputs) or "one array without a name"
        raise ConfigError(
            f"{type(module).__name__}: takes {', '.join(names)}, samples are {given}; give a .npz "
            "or a dict of arrays with these names"
        )
    arrays = [samples.inputs[name] for name in names]
    inputs: list[pieces.Input] = []
    for name, array in zip(names, arrays, strict=True):
        start = inputs[-1].stop if inputs else 0
        inputs.append(pieces.Input(name, start, array.shape[1:]))
    flat = np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)
    return _of_one(module, inputs), Samples(flat, samples.labels)


def _wanted(module: nn.Module) -> list[str]:
    """Names of the inputs that a forward function cannot do without."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(module.forward).parameters.values()
    return [p.name for p in parameters if p.kind in kinds and p.default is p.empty]


def _of_one(module: nn.Module, inputs: list[pieces.Input]) -> nn.Module:
    """A copy whose layers keep their paths."""
    kind: Any = type(module)

    def forward(self: Any, packed: Tensor) -> Any:
        return kind.forward(self, *(getattr(self, _path(each.name))(packed) for each in inputs))

    other = copy.deepcopy(module)
    other.__class__ = type(kind.__name__, (kind,), {"forward": forward})
    for each in inputs:
        other.add_module(_path(each.name), each)
    return other


def _path(name: str) -> str:
    return f"input_{name}"


def inputs_of(network: nn.Module) -> dict[str, pieces.Input]:
    """The inputs of a network that takes them side by side, by name; none of another."""
    found = [m for m in network.modules() if isinstance(m, pieces.Input)]
    return {m.name: m for m in sorted(found, key=lambda m: m.start)}


def apart(network: fx.GraphModule, x: Tensor) -> tuple[fx.GraphModule, dict[str, Tensor]]:
    """A network whose inputs, and outputs where there are ``pieces.Outputs``, are apart, and each
    input's part of ``x`` by name; as it is, with ``x`` called ``input``, where there is one."""
    inputs = inputs_of(network)
    if not inputs:
        return network, {"input": x}
    graph, new = fx.Graph(), dict[fx.Node, fx.Node]()
    called = {
        m.name: node
        for node in network.graph.nodes
        if node.op == "call_module"
        and isinstance(m := network.get_submodule(str(node.target)), pieces.Input)
    }
    for name in inputs:
        placeholder = graph.placeholder(name)
        if name in called:
            new[called[name]] = placeholder
    for node in network.graph.nodes:
        if node.op == "output" and (parts := outputs_of(network)):
            graph.output(tuple(new[part] for part in parts))
        elif node.op != "placeholder" and node not in new and not _ends(network, node):
            new[node] = graph.node_copy(node, lambda n: new[n])
    made = fx.GraphModule(network, graph, type(network).__name__).eval()
    return made, {name: each(x) for name, each in inputs.items()}


def outputs_of(network: fx.GraphModule) -> list[fx.Node]:
    """The values of ``pieces.Outputs``, each once, in order; none of a network of one output."""
    ends = next((node for node in network.graph.nodes if _ends(network, node)), None)
    return [] if ends is None else list(dict.fromkeys(ends.args))


def _ends(network: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and isinstance(
        network.get_submodule(str(node.target)), pieces.Outputs
    )


def arrays_of(network: nn.Module, x: Array) -> Mapping[str, Array]:
    """The parts of ``x`` (N, ...) by the names of the graph's inputs; "" where there is one."""
    inputs = inputs_of(network)
    if not inputs:
        return {"": x}
    with torch.no_grad():
        return {name: each(torch.from_numpy(x)).numpy() for name, each in inputs.items()}
