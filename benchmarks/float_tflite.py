"""The float networks of ``benchmarks.float_networks`` as float ``.tflite`` files.

Channels last, batch norms folded, activation functions inside the layer before them, paddings that
are not TensorFlow's as PAD, as TensorFlow's converter would write them. Sequences have height 1.
"""

from __future__ import annotations

from math import prod
from typing import Any, TypeAlias

import torch
from torch import fx, nn

from benchmarks.quantizer_doors import FloatNet
from hwkit.train.ptq.pieces import Add, Padded, Reshaped
from hwkit.train.ptq.trace import module_of, traced

_ACTIVATIONS = {nn.ReLU: 1, nn.ReLU6: 3}
_SAME, _VALID = 0, 1
_Conv: TypeAlias = nn.Conv1d | nn.Conv2d


class _Writer:
    """Appends one node after the other; ``names`` has what each gives, ``spaces`` height, width
    and channels of what a tensor was before it was made flat."""

    def __init__(self, sample: tuple[int, ...]) -> None:
        channels, *space = sample
        self.net = FloatNet((1, *_two(space, 1), channels), 0)
        self.names: dict[str, str] = {}
        self.spaces: dict[str, tuple[int, ...]] = {}

    def add(self, node: fx.Node, module: nn.Module, activation: int) -> None:
        read = [self.names[str(n)] for n in node.all_input_nodes]
        match module:
            case nn.Conv1d() | nn.Conv2d():
                made = self.conv(module, read[0], activation)
            case nn.Linear():
                made = self.dense(module, read[0], activation)
            case nn.MaxPool2d():
                made = self.pool(module, read[0])
            case nn.AdaptiveAvgPool1d() | nn.AdaptiveAvgPool2d():
                made = self.net.mean(read[0])
            case Padded():
                left, right, *rows = module.sides
                made = self.pad(read[0], (*rows, 0, 0)[:2], (left, right))
            case Add():
                shape, fused = self.net.shape(read[0]), {"fusedActivationFunction": activation}
                made = self.net.op("ADD", (read[0], read[1]), shape, "AddOptions", **fused)
            case Reshaped():
                made = self.flat(read[0])
            case _:
                raise NotImplementedError(f"{node.name}: {type(module).__name__}")
        self.names[node.name] = made

    def conv(self, layer: _Conv, x: str, activation: int) -> str:
        kernel, stride = _two(layer.kernel_size, 1), _two(layer.stride, 1)
        sides = _two(layer.padding, 0)
        same = stride == (1, 1) and all(2 * p == k - 1 for p, k in zip(sides, kernel, strict=True))
        if not same and any(sides):
            x = self.pad(x, (sides[0], sides[0]), (sides[1], sides[1]))
        n, h, w, c = self.net.shape(x)
        if not same:
            h, w = ((s - k) // t + 1 for s, k, t in zip((h, w), kernel, stride, strict=True))
        weight = layer.weight.detach().reshape(*layer.weight.shape[:2], *kernel)
        deep = layer.groups == 1
        taps = weight.permute(0, 2, 3, 1) if deep else weight.permute(1, 2, 3, 0)
        inputs = (x, self.net.constant(taps.numpy()), self.net.constant(_bias(layer)))
        fields: dict[str, Any] = {"strideH": stride[0], "strideW": stride[1]}
        fields |= {"padding": _SAME if same else _VALID, "fusedActivationFunction": activation}
        shape = (n, h, w, layer.out_channels)
        if deep:
            return self.net.op("CONV_2D", inputs, shape, "Conv2DOptions", **fields)
        fields["depthMultiplier"] = layer.out_channels // c
        options = "DepthwiseConv2DOptions"
        return self.net.op("DEPTHWISE_CONV_2D", inputs, shape, options, **fields)

    def dense(self, layer: nn.Linear, x: str, activation: int) -> str:
        weight = layer.weight.detach()
        if x in self.spaces:
            h, w, c = self.spaces[x]
            weight = weight.reshape(-1, c, h, w).permute(0, 2, 3, 1).flatten(1)
        inputs = (x, self.net.constant(weight.numpy()), self.net.constant(_bias(layer)))
        shape, options = (1, layer.out_features), "FullyConnectedOptions"
        fused = {"fusedActivationFunction": activation}
        return self.net.op("FULLY_CONNECTED", inputs, shape, options, **fused)

    def pad(self, x: str, rows: tuple[int, ...], columns: tuple[int, ...]) -> str:
        n, h, w, c = self.net.shape(x)
        sides, shape = ((0, 0), rows, columns, (0, 0)), (n, h + sum(rows), w + sum(columns), c)
        return self.net.moved("PAD", x, shape, sides, "PadOptions")

    def pool(self, layer: nn.MaxPool2d, x: str) -> str:
        n, h, w, c = self.net.shape(x)
        k = int(layer.kernel_size)
        fields = {"filterHeight": k, "filterWidth": k, "strideH": k, "strideW": k}
        shape = (n, h // k, w // k, c)
        return self.net.op("MAX_POOL_2D", (x,), shape, "Pool2DOptions", padding=_VALID, **fields)

    def flat(self, x: str) -> str:
        _, *space = self.net.shape(x)
        if len(space) == 1:
            return x
        made = self.net.moved("RESHAPE", x, (1, prod(space)), (1, prod(space)), "ReshapeOptions")
        self.spaces[made] = tuple(space)
        return made


def _two(numbers: Any, before: int) -> tuple[int, int]:
    """Numbers for height and width; a sequence has ``before`` for its height."""
    found = (before, *numbers)[-2:]
    return int(found[0]), int(found[1])


def _bias(layer: _Conv | nn.Linear) -> Any:
    return torch.zeros(len(layer.weight)) if layer.bias is None else layer.bias.detach().numpy()


def tflite_of(network: nn.Module, samples: torch.Tensor) -> bytes:
    """The float file of ``network``, which reads ``samples`` (2, C, ...), with batch 1."""
    found = traced(network, samples).network
    writer = _Writer(tuple(samples.shape[1:]))
    for node in found.graph.nodes:
        if node.op == "placeholder":
            writer.names[node.name] = "x"
        elif node.op == "output":
            return writer.net.file(writer.names[str(node.all_input_nodes[0])])
        elif (module := module_of(found, node)) is not None:
            if type(module) in _ACTIVATIONS:  # inside the layer before it
                writer.names[node.name] = writer.names[str(node.all_input_nodes[0])]
                continue
            users = [module_of(found, user) for user in node.users]
            fused = _ACTIVATIONS.get(type(users[0]), 0) if len(users) == 1 else 0
            writer.add(node, module, fused)
    raise AssertionError("a traced network has an output")
