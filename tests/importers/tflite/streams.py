"""A streaming network with variables, as wake words are spotted with: one file, random weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwkit.targets.edge.flatbuffer import FileTensor
from tests.importers.tflite.files import (
    assign,
    call_once,
    file_bytes,
    handle_of,
    initialiser,
    integers,
    operator,
    read,
)
from tests.importers.tflite.networks import Net


class Stream(Net):
    """A network whose layers see the last rows of what is before them."""

    def __init__(self, shape: tuple[int, ...], seed: int = 0) -> None:
        super().__init__(shape, seed)
        self.start: dict[str, FileTensor] = {}

    def window(self, x: str, rows: int) -> str:
        """The rows of ``x`` behind the last ``rows`` of before, which a variable holds."""
        tensor, name = self.at(x), self.fresh()
        _, new, width, channels = tensor.shape
        kept = (1, rows, width, channels)
        handle = FileTensor(f"{name}/handle", (), "resource")
        self.tensors += [handle, replace(tensor, name=f"{name}/kept", shape=kept)]
        self.operators += [handle_of(name, handle.name), read(handle.name, f"{name}/kept")]
        whole = (1, rows + new, width, channels)
        options = "ConcatenationOptions"
        window = self.add_op("CONCATENATION", (f"{name}/kept", x), whole, options, x, axis=1)
        newest = self.part(window, [0, new, 0, 0], kept)
        self.operators.append(assign(handle.name, newest))
        initial = self.rng.integers(-128, 128, kept).astype(np.int8)
        self.start[name] = replace(tensor, name=f"{name}/start", shape=kept, data=initial)
        return window

    def part(self, x: str, begin: list[int], shape: tuple[int, ...]) -> str:
        """The rows of ``x`` from one on to the end."""
        name = self.fresh()
        numbers = [integers(f"{name}/{k}", v) for k, v in enumerate((begin, [0] * 4, [1] * 4))]
        self.tensors += numbers
        operands = (x, *(tensor.name for tensor in numbers))
        options = "StridedSliceOptions"
        return self.add_op("STRIDED_SLICE", operands, shape, options, x, beginMask=13, endMask=15)

    def halves(self, x: str) -> tuple[str, str]:
        """``x`` cut in two along its channels."""
        tensor, name = self.at(x), self.fresh()
        shape = (*tensor.shape[:-1], tensor.shape[-1] // 2)
        parts = f"{name}/a", f"{name}/b"
        self.tensors += [replace(tensor, name=part, shape=shape) for part in parts]
        sizes = integers(f"{name}/sizes", [shape[-1], shape[-1]])
        axis = integers(f"{name}/axis", 3)
        self.tensors += [sizes, axis]
        operands = (x, sizes.name, axis.name)
        self.operators.append(operator("SPLIT_V", operands, parts, "SplitVOptions", numSplits=2))
        return parts

    def bytes_of(self, output: str) -> bytes:
        operators = [call_once(), *self.operators]
        return file_bytes(self.tensors, operators, ("x",), (output,), initialiser(**self.start))


def wake_word(seed: int = 0) -> bytes:
    """Three rows of four values a step. A convolution with a stride of three over five rows; two
    depthwise ones of different lengths over one window, each over half of its channels; a third
    over a longer window; a dense layer, a logistic, and a probability of uint8."""
    net = Stream((1, 3, 1, 4), seed)
    x = net.conv(net.window("x", 2), 8, (5, 1), (3, 1), valid=True)
    rows = net.window(x, 6)
    a, b = net.halves(rows)
    a = net.part(a, [0, 4, 0, 0], (1, 3, 1, 4))
    a = net.depthwise(a, (3, 1), valid=True, activation=0)
    b = net.depthwise(b, (7, 1), valid=True, activation=0)
    b = net.add_op("QUANTIZE", (b,), net.at(b).shape, "QuantizeOptions", a)
    both = net.add_op("CONCATENATION", (a, b), (1, 1, 1, 8), "ConcatenationOptions", a, axis=-1)
    x = net.conv(both, 6, (1, 1))
    x = net.conv(net.window(x, 4), 6, (5, 1), valid=True)
    x = net.unary("LOGISTIC", net.dense(x, 2), (1 / 256, -128))
    y = net.fresh()
    net.tensors.append(replace(net.at(x), name=y, dtype="uint8", zero_point=0))
    net.operators.append(operator("QUANTIZE", (x,), (y,), "QuantizeOptions"))
    return net.bytes_of(y)
