"""The Brevitas twin of a traced network: layers with quantized weights, quantizers behind them.

Scales and zero points are parameters that calibration sets; nothing learns them from statistics.
Everything between quantizers is plain float32, so that what is exported is what was measured.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import brevitas.nn as qnn
import torch
from brevitas.core.zero_point import ParameterZeroPoint
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerChannelFloat
from brevitas.quant.shifted_scaled_int import ShiftedUint8ActPerTensorFloat
from torch import Tensor, fx, nn

from hwkit.train.ptq import pieces
from hwkit.train.ptq.joint import inside_functions
from hwkit.train.ptq.kinds import JOIN_QUANTIZER, WEIGHTED, Kind
from hwkit.train.ptq.trace import Network, kind_of, module_of

OUT = "_out"
"""What a quantizer's path has behind that of the layer whose output it quantizes."""


@dataclass(frozen=True, slots=True)
class Grid:
    """``scale * (integer - zero_point)`` of integers of ``bits``; ``signed`` ones run from
    ``-2**(bits - 1)`` and have zero point 0.

    Example: 8 bits unsigned, scale 0.5, zero point 2 reach from -1.0 to 126.5.
    """

    scale: float
    zero_point: int
    bits: int
    signed: bool = False

    @property
    def low(self) -> float:
        """The smallest real."""
        return self.scale * ((-(1 << self.bits - 1) if self.signed else 0) - self.zero_point)

    @property
    def high(self) -> float:
        """The largest real."""
        return self.low + self.scale * ((1 << self.bits) - 1)


@dataclass(frozen=True, slots=True)
class Site:
    """A quantizer's ``path`` in the twin, and the ``node`` of the traced network whose values it
    quantizes; ``enters``: an input of the network."""

    path: str
    node: str
    enters: bool = False


@dataclass(frozen=True, slots=True)
class Widths:
    """Bits of weights by layer, and of activations: ``edge`` those of input and output."""

    weights: Mapping[str, int]
    activations: int
    edge: int

    def of(self, site: Site, sites: tuple[Site, ...]) -> int:
        """Bits of an activation. The network's input and output are never narrower than 8, or
        classes would tie."""
        ends = site.enters or site in (sites[0], sites[-1])
        return self.edge if ends else self.activations


_OF_INTEGERS = (pieces.Padded, pieces.Part, nn.UpsamplingNearest2d)
"""What moves 8 bits rather than the 32 of a sum, which not every target moves so."""
_FOLDED = (
    pieces.Affine, pieces.Permuted, pieces.Reshaped, nn.BatchNorm1d, nn.BatchNorm2d, nn.Flatten,
)  # fmt: skip
"""What an input may go through before it is quantized, as whoever feeds a graph does it."""


def sites_of(network: Network) -> tuple[Site, ...]:
    """Where quantizers go, in order: behind each value on a grid of its own, and past the layers
    that alone read it and join its quantizer."""
    raw, sites = set[fx.Node](), []
    inside = inside_functions(network)
    entering = {node for node in network.graph.nodes if _enters(network, node)}
    for node in network.graph.nodes:
        kind = kind_of(network, node)
        if node.op == "output" or kind is Kind.ENDS:
            continue
        if kind is Kind.MOVES and node.args[0] not in raw:
            continue
        if node in inside or any(_is_input(network, reader) for reader in node.users):
            raw.add(node)
            continue
        readers = list(node.users)
        joins = len(readers) == 1 and kind_of(network, readers[0]) in JOIN_QUANTIZER
        joins = joins and not isinstance(module_of(network, readers[0]), _OF_INTEGERS)
        if joins and node in entering:
            folded = isinstance(module_of(network, readers[0]), _FOLDED)
            joins = folded and not _is_state(network, node)
            entering.update(readers)
        if joins:
            raw.add(node)
        else:
            sites.append(Site(f"{node.target}{OUT}", node.name, node in entering))
    return tuple(sites)


def _enters(network: Network, node: fx.Node) -> bool:
    return node.op == "placeholder" or _is_input(network, node)


def _is_input(network: Network, node: fx.Node) -> bool:
    """Whether ``node`` is one of several inputs."""
    return isinstance(module_of(network, node), pieces.Input)


def _is_state(network: Network, node: fx.Node) -> bool:
    """Whether ``node`` is a state, which nobody feeds."""
    module = module_of(network, node)
    return isinstance(module, pieces.Input) and module.next_value is not None


def twin(network: Network, sites: tuple[Site, ...], widths: Widths) -> Network:
    """``network`` with quantized layers and quantizers, all of whose scales are still 1."""
    quantized = copy.deepcopy(network)
    for path, bits in widths.weights.items():
        _replace(quantized, path, _layer(quantized.get_submodule(path), bits))
    nodes = {node.name: node for node in quantized.graph.nodes}
    for site in sites:
        node = nodes[site.node]
        quantized.add_submodule(site.path, _identity(Grid(1.0, 0, widths.of(site, sites))))
        with quantized.graph.inserting_after(node):
            new = quantized.graph.create_node("call_module", site.path, (node,))
        node.replace_all_uses_with(new, delete_user_cb=lambda user, new=new: user is not new)
    quantized.graph.lint()
    quantized.recompile()
    return quantized.eval()


def _replace(network: Network, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(network.get_submodule(parent), name, module)


_CONV = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")


def _layer(layer: nn.Module, bits: int) -> nn.Module:
    kind = WEIGHTED[type(layer)]
    names = ("in_features", "out_features") if isinstance(layer, nn.Linear) else _CONV
    options = {name: getattr(layer, name) for name in names}
    if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d):
        options["output_padding"] = layer.output_padding
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        options["padding_mode"] = layer.padding_mode
    made = kind(
        **options,
        bias=True,
        weight_quant=Int8WeightPerChannelFloat.let(
            scaling_impl_type=ScalingImplType.PARAMETER,
            scaling_init=torch.ones(scale_shape(layer)),
        ),
        weight_bit_width=bits,
        bias_quant=None,
        return_quant_tensor=False,
    )
    with torch.no_grad():
        made.weight.copy_(layer.weight)
        made.bias.zero_() if layer.bias is None else made.bias.copy_(layer.bias)
    return made.eval()


def output_axis(layer: nn.Module) -> int:
    """The axis of a layer's weight that runs over its output channels."""
    return 1 if isinstance(layer, nn.ConvTranspose1d | nn.ConvTranspose2d) else 0


def scale_shape(layer: nn.Module) -> tuple[int, ...]:
    """Shape of one scale for each output channel beside the weight."""
    shape = [1] * layer.weight.dim()
    shape[output_axis(layer)] = layer.weight.shape[output_axis(layer)]
    return tuple(shape)


def _identity(grid: Grid) -> nn.Module:
    if grid.signed:
        quantizer = Int8ActPerTensorFloat.let(
            scaling_impl_type=ScalingImplType.PARAMETER,
            scaling_init=torch.tensor(grid.scale * (1 << grid.bits - 1)),
        )
    else:
        quantizer = ShiftedUint8ActPerTensorFloat.let(
            scaling_impl_type=ScalingImplType.PARAMETER,
            scaling_init=torch.tensor(grid.scale * ((1 << grid.bits) - 1)),
            zero_point_impl=ParameterZeroPoint,
            zero_point_init=torch.tensor(grid.scale * grid.zero_point),
            zero_point_shape=(),
        )
    made = qnn.QuantIdentity(act_quant=quantizer, bit_width=grid.bits, return_quant_tensor=False)
    return made.eval()


def set_grid(quantized: Network, site: Site, grid: Grid) -> None:
    """Puts a quantizer's grid in place."""
    _replace(quantized, site.path, _identity(grid))


def largest_weight(bits: int) -> int:
    """Weights are symmetric: -127..127 of 8 bits, -7..7 of 4; one bit gives -1, 0 and 1 too."""
    return max(1, (1 << bits - 1) - 1)


def set_weight(layer: nn.Module, integers: Tensor, scale: Tensor, bits: int) -> None:
    """Puts ``integers * scale`` into a quantized layer, whose scales these become."""
    with torch.no_grad():
        impl = layer.weight_quant.tensor_quant.scaling_impl
        impl.value.copy_(scale.reshape(impl.value.shape) * largest_weight(bits))
        layer.weight.copy_(integers * layer.weight_quant.scale().reshape(scale.shape))


def weight_scale(layer: nn.Module) -> Tensor:
    """The scales of a quantized layer's weight, one for each output channel."""
    scale: Tensor = layer.weight_quant.scale().detach().reshape(scale_shape(layer))
    return scale


def quantizers(quantized: Network) -> Iterator[tuple[str, nn.Module]]:
    """The quantizers of activations by path, in order."""
    for node in quantized.graph.nodes:
        module = module_of(quantized, node)
        if isinstance(module, qnn.QuantIdentity):
            yield str(node.target), module
