"""A module as a graph of known layers: traced, every function a module, batch norms folded in."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from hwkit.errors import ConfigError, UnsupportedOp
from hwkit.train.ptq.attention import written_out
from hwkit.train.ptq.constants import fold_constants
from hwkit.train.ptq.fold import fold_norms
from hwkit.train.ptq.forms import rewritten
from hwkit.train.ptq.functions import FUNCTIONS, METHODS, Call
from hwkit.train.ptq.kinds import KINDS, WEIGHTED, Kind
from hwkit.train.ptq.plain import plain_copy, ungroup
from hwkit.train.ptq.recurrent import unrolled
from hwkit.train.ptq.standard import NotHandled, standard

QUANTIZER = "the quantizer"
_CLOSE = 1e-3
"""Of the largest output: how far float32 sums in another order may lie apart."""

Network: TypeAlias = fx.GraphModule


@dataclass(frozen=True, slots=True)
class Traced:
    """``unfolded`` still has its batch norms; ``dropped`` says what was left out behind the last
    layer ("" where nothing was); ``shared`` has groups of layers, by path, that are one layer of
    the module, called several times."""

    network: Network
    unfolded: Network
    dropped: str
    shared: tuple[tuple[str, ...], ...] = ()


class _Tracer(fx.Tracer):
    """Layers of ``torch.nn`` stay whole, and so do classes derived from one that compute the
    same."""

    def is_leaf_module(self, m: nn.Module, qualified_name: str) -> bool:
        derived = any(isinstance(m, c) and type(m).forward is c.forward for c in KINDS)
        return derived or super().is_leaf_module(m, qualified_name)


def traced(module: nn.Module, example: Tensor) -> Traced:
    """``module`` in evaluation mode as a graph of the layers in ``kinds.KINDS``; ``example`` is a
    batch (N, ...) of its input, at least 2 samples.

    Raises ``ConfigError`` where PyTorch cannot trace it, where it does not take ``example`` or its
    weights are no finite numbers, and ``UnsupportedOp`` naming a layer without a place in KINDS.
    """
    module = plain_copy(module)
    _require_finite(module)
    with torch.no_grad():
        plain = _shaped(module, example)
        network, copies = _of_modules(plain)
        fold_constants(network)
        ungroup(network)
        _require_same(network, example, module)
        dropped = _without_head(network)
        unfolded = copy.deepcopy(network)
        fold_norms(network)
    for parameter in network.parameters():
        parameter.requires_grad_(False)
    return Traced(network.eval(), unfolded.eval(), dropped, _shared(network, copies))


def _shared(network: Network, copies: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    """The layers with weights that were copied from one, grouped."""
    groups: dict[str, list[str]] = {}
    for path in weighted(network):
        groups.setdefault(copies[path], []).append(path)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def _require_finite(module: nn.Module) -> None:
    for name, value in module.state_dict().items():
        if isinstance(value, Tensor) and value.is_floating_point() and not _finite(value):
            raise ConfigError(
                f"{name}: holds NaN or infinite numbers; train again, or give --state"
            )


def _finite(value: Tensor) -> bool:
    return bool(torch.isfinite(value).all())


def first_line(error: BaseException) -> str:
    """What an error of somebody else's says, as part of one line."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {(lines or [''])[0].strip():.160}"


def _shaped(module: nn.Module, example: Tensor) -> fx.GraphModule:
    """``module`` traced, its nodes with the shapes that ``example`` gives."""
    name = type(module).__name__
    shape = tuple(example.shape[1:])
    try:  # What a forward function raises is up to whoever wrote it.
        result = module(example)
    except Exception as error:
        raise ConfigError(
            f"{name}: does not take samples of shape {shape} ({first_line(error)}); give data of "
            "the shape that it was trained on"
        ) from error
    if not isinstance(result, Tensor) or not result.is_floating_point():
        kind = type(result).__name__
        raise ConfigError(f"{name}: returns {kind}, not one tensor of floats; wrap it in a module")
    if result.dim() < 2 or len(result) != len(example):
        raise ConfigError(
            f"{name}: {len(example)} samples give an output of shape {tuple(result.shape)}; keep "
            "the batch as first axis"
        )
    if not _finite(result):
        raise ConfigError(f"{name}: its output is not finite on this data; check both")
    try:
        spelled = unrolled(written_out(copy.deepcopy(module)), example)
        defaults = _defaults(spelled)
        graph = _Tracer().trace(spelled, defaults)
        plain = fx.GraphModule(spelled, graph, name)
        ShapeProp(plain).propagate(example, *defaults.values())
        while rewritten(plain):
            ShapeProp(plain).propagate(example, *defaults.values())
    except NotHandled as error:
        raise UnsupportedOp(name, QUANTIZER, error.remedy) from error
    except Exception as error:
        raise ConfigError(
            f"{name}: torch.fx cannot trace it ({first_line(error)}); write its forward without "
            "branches or loops that depend on values, or export it as .onnx"
        ) from error
    return plain


def _defaults(module: nn.Module) -> dict[str, Any]:
    """What a forward function gives its arguments behind the first, so that it does not branch on
    values that nobody passes."""
    parameters = list(inspect.signature(module.forward).parameters.values())[1:]
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _of_modules(plain: fx.GraphModule) -> tuple[Network, dict[str, str]]:
    """Each node as a call of one module of its own, and the path of which each is a copy."""
    graph, modules, new = fx.Graph(), dict[str, nn.Module](), dict[fx.Node, fx.Node]()
    copies: dict[str, str] = {}
    needed = _needed(plain)
    for node in plain.graph.nodes:
        if node.op == "placeholder":
            if new and node not in needed:
                continue
            if new:
                raise UnsupportedOp(node.name, QUANTIZER, "give it a network of one input")
            new[node] = graph.placeholder(node.name)
            new[node].meta["shape"] = shape_of(node)
        elif node.op == "output":
            graph.output(new[node.args[0]])
        elif node in needed and node.op != "get_attr":
            module, inputs = _module(plain, node)
            if module is None:
                new[node] = new[inputs[0]]
                continue
            path = _path(node, modules)
            first = next((p for p, other in modules.items() if other is module), None)
            modules[path] = module if first is None else copy.deepcopy(module)
            copies[path] = path if first is None else first
            new[node] = graph.create_node(
                "call_module", path, tuple(new[i] for i in inputs), {}, path.replace(".", "_")
            )
            new[node].meta["shape"] = shape_of(node)
    return fx.GraphModule(modules, graph, type(plain).__name__), copies


def _needed(plain: fx.GraphModule) -> set[fx.Node]:
    """Nodes whose tensors reach the output; sizes and what is computed of them do not count."""
    needed: set[fx.Node] = set()
    for node in reversed(plain.graph.nodes):
        if node.op == "output":
            needed.update(node.all_input_nodes)
        elif node in needed:
            needed.update(i for i in node.all_input_nodes if "tensor_meta" in i.meta)
    return needed


def shape_of(node: fx.Node) -> tuple[int, ...] | None:
    """Shape of the tensor that a node gives, batch first; None where it gives no tensor."""
    meta = node.meta.get("tensor_meta")
    shape = getattr(meta, "shape", None)
    return None if shape is None else tuple(shape)


def _module(plain: fx.GraphModule, node: fx.Node) -> tuple[nn.Module | None, list[fx.Node]]:
    """The module that does what ``node`` does (None: nothing) and the nodes that it reads."""
    try:
        if node.op == "call_module":
            module = standard(plain.get_submodule(str(node.target)), node)
            inputs = [a for a in node.args if isinstance(a, fx.Node)]
        else:
            table: dict[Any, Any] = FUNCTIONS if node.op == "call_function" else METHODS
            rule = table.get(node.target)
            if rule is None:
                raise NotHandled("")
            module, inputs = rule(Call(plain, node))
    except NotHandled as error:
        raise UnsupportedOp(_called(plain, node), QUANTIZER, error.remedy) from error
    if module is not None and type(module) not in KINDS:
        known = ", ".join(sorted(kind.__name__ for kind in KINDS))
        raise UnsupportedOp(_called(plain, node), QUANTIZER, f"it knows {known}")
    return module, inputs


def _called(plain: fx.GraphModule, node: fx.Node) -> str:
    if node.op == "call_module":
        return f"{node.target} ({type(plain.get_submodule(str(node.target))).__name__})"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", "")
    return f"{node.name} ({name})"


def _path(node: fx.Node, taken: dict[str, nn.Module]) -> str:
    path = str(node.target) if node.op == "call_module" else node.name
    if "." not in path and hasattr(nn.Module, path):
        path = f"{path}_"
    if path not in taken:
        return path
    return next(p for k in range(2, len(taken) + 3) if (p := f"{path}_{k}") not in taken)


_HEADS = (nn.Softmax, nn.LogSoftmax)


def _without_head(network: Network) -> str:
    """Leaves out a softmax at the end: it changes no order of classes, and integers end before."""
    output = next(iter(reversed(network.graph.nodes)))
    last = output.args[0]
    if last.op != "call_module" or not isinstance(module_of(network, last), _HEADS):
        return ""
    before = last.args[0]
    output.args = (before,)
    network.graph.erase_node(last)
    dropped = f"{last.target} ({type(network.get_submodule(last.target)).__name__})"
    network.delete_submodule(last.target)
    network.recompile()
    return dropped


def _require_same(network: Network, example: Tensor, module: nn.Module) -> None:
    """What was traced must compute what the module does: operations in place may not, and numbers
    drawn at random cannot."""
    wanted, name = module(example), type(module).__name__
    if not _close(module(example), wanted):
        raise ConfigError(
            f"{name}: gives other values each time; leave out what draws random numbers or counts "
            "its calls"
        )
    if not _close(network(example), wanted):
        raise ConfigError(
            f"{name}: changes a value in place that it reads again; write 'y = x + 1', not "
            "'x += 1', and no inplace=True there"
        )


def _close(got: Tensor, wanted: Tensor) -> bool:
    if got.shape != wanted.shape:
        return False
    return bool((got - wanted).abs().max() <= _CLOSE * wanted.abs().max())


def module_of(network: fx.GraphModule, node: fx.Node) -> nn.Module | None:
    """The module that a node calls; None for inputs and outputs."""
    return network.get_submodule(str(node.target)) if node.op == "call_module" else None


def kind_of(network: fx.GraphModule, node: fx.Node) -> Kind | None:
    """The kind of the module that a node calls; None for inputs, outputs and quantizers."""
    return KINDS.get(type(module_of(network, node)))


def weighted(network: fx.GraphModule) -> dict[str, nn.Module]:
    """The layers with weights, float or quantized, by module path, in order."""
    layers = tuple(WEIGHTED)
    return {
        str(node.target): module
        for node in network.graph.nodes
        if isinstance(module := module_of(network, node), layers)
    }
