"""Static int8 and int16 files of ai-edge-quantizer, imported, beside their own runtimes.

python -m benchmarks.quantizer_doors PYTHON [seeds]

PYTHON is one of an environment that has ai-edge-quantizer (``python -m venv E; E/bin/pip install
ai-edge-quantizer``); hwkit does not need it. Writes ``results/quantizer_doors.csv``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.csvfile import write
from hwkit.importers.tflite.file import parse
from hwkit.targets.edge.flatbuffer import FileModel, FileOperator, FileTensor
from hwkit.targets.edge.flatbuffer import write as tflite
from tests.conformance.tflite_doors import judge
from tests.conformance.tflite_graphs import Drawn
from tests.conformance.tflite_runtimes import Runtimes

_CHILD = Path(__file__).with_name("quantizer_child.py")
_CALIBRATION = 32
_COLUMNS = ("evidence", "network", "recipe", "files", "refused", "integers", "differing")


class FloatNet:
    """Appends float32 operators to one file; each method takes and gives names."""

    def __init__(self, shape: tuple[int, ...], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors = [FileTensor("x", shape, "float32")]
        self.operators: list[FileOperator] = []

    def shape(self, name: str) -> tuple[int, ...]:
        return next(tensor.shape for tensor in self.tensors if tensor.name == name)

    def constant(self, data: object, dtype: str = "float32") -> str:
        array, name = np.asarray(data, dtype), f"c{len(self.tensors)}"
        self.tensors.append(FileTensor(name, array.shape, dtype, data=array))
        return name

    def weight(self, *shape: int) -> str:
        return self.constant(self.rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape))

    def op(
        self,
        code: str,
        inputs: tuple[str, ...],
        shape: tuple[int, ...],
        options: str = "",
        **fields: object,
    ) -> str:
        name = f"t{len(self.tensors)}"
        self.tensors.append(FileTensor(name, shape, "float32"))
        self.operators.append(FileOperator(code, inputs, (name,), options, fields))
        return name

    def conv(self, x: str, outputs: int, stride: int = 1, activation: int = 1) -> str:
        n, h, w, c = self.shape(x)
        inputs = (x, self.weight(outputs, 3, 3, c), self.constant(self.rng.normal(0, 0.1, outputs)))
        shape = (n, -(-h // stride), -(-w // stride), outputs)
        fields = {"strideH": stride, "strideW": stride, "fusedActivationFunction": activation}
        return self.op("CONV_2D", inputs, shape, "Conv2DOptions", **fields)

    def depthwise(self, x: str) -> str:
        c = self.shape(x)[3]
        taps = self.constant(self.rng.normal(0, 0.4, (1, 3, 3, c)))
        inputs = (x, taps, self.constant(self.rng.normal(0, 0.1, c)))
        fields = {"strideH": 1, "strideW": 1, "depthMultiplier": 1, "fusedActivationFunction": 3}
        return self.op(
            "DEPTHWISE_CONV_2D", inputs, self.shape(x), "DepthwiseConv2DOptions", **fields
        )

    def dense(self, x: str, outputs: int) -> str:
        *lead, width = self.shape(x)
        bias = self.constant(self.rng.normal(0, 0.1, outputs))
        inputs, keep = (x, self.weight(outputs, width), bias), len(lead) > 1
        return self.op(
            "FULLY_CONNECTED", inputs, (*lead, outputs), "FullyConnectedOptions", keepNumDims=keep
        )

    def binary(self, code: str, x: str, z: str) -> str:
        options = f"{code.title().replace('_', '')}Options"
        return self.op(code, (x, z), self.shape(x), options)

    def unary(self, code: str, x: str, options: str = "", **fields: object) -> str:
        return self.op(code, (x,), self.shape(x), options, **fields)

    def mean(self, x: str, code: str = "MEAN") -> str:
        n, _, _, c = self.shape(x)
        return self.op(code, (x, self.constant((1, 2), "int32")), (n, c), "ReducerOptions")

    def moved(
        self, code: str, x: str, shape: tuple[int, ...], numbers: object, options: str
    ) -> str:
        return self.op(code, (x, self.constant(numbers, "int32")), shape, options)

    def softmax(self, x: str) -> str:
        return self.unary("SOFTMAX", x, "SoftmaxOptions", beta=1.0)

    def file(self, y: str) -> bytes:
        model = FileModel("m", tuple(self.tensors), tuple(self.operators), ("x",), (y,))
        return tflite(model)


def residual(seed: int) -> bytes:
    net = FloatNet((1, 12, 12, 3), seed)
    x = net.conv("x", 8)
    y = net.conv(net.depthwise(x), 8, activation=0)
    x = net.binary("ADD", x, y)
    x = net.unary("HARD_SWISH", net.conv(x, 12, 2, 0))
    gate = net.unary("LOGISTIC", net.conv(x, 12, 1, 0))
    return net.file(net.softmax(net.dense(net.mean(net.binary("MUL", x, gate)), 5)))


def decoder(seed: int) -> bytes:
    net = FloatNet((1, 8, 8, 2), seed)
    x = net.conv("x", 6, 2)
    up = net.moved("RESIZE_BILINEAR", x, (1, 8, 8, 6), (8, 8), "ResizeBilinearOptions")
    other = net.moved("RESIZE_NEAREST_NEIGHBOR", x, (1, 8, 8, 6), (8, 8), _NEAREST)
    both = net.op("CONCATENATION", (up, other), (1, 8, 8, 12), "ConcatenationOptions", axis=3)
    return net.file(net.conv(both, 2, activation=0))


_NEAREST = "ResizeNearestNeighborOptions"


def attention(seed: int) -> bytes:
    net = FloatNet((1, 6, 8), seed)
    q, k, v = (net.dense("x", 8) for _ in range(3))
    scores = net.op("BATCH_MATMUL", (q, k), (1, 6, 6), "BatchMatMulOptions", adjY=True)
    mixed = net.op("BATCH_MATMUL", (net.softmax(scores), v), (1, 6, 8), "BatchMatMulOptions")
    x = net.binary("ADD", "x", net.dense(mixed, 8))
    hidden = net.unary("GELU", net.dense(x, 16), "GeluOptions")
    return net.file(net.binary("ADD", x, net.dense(hidden, 8)))


def functions(seed: int) -> bytes:
    net = FloatNet((1, 5, 5, 4), seed)
    x, z = net.conv("x", 4, activation=0), net.unary("TANH", net.conv("x", 4, activation=0))
    far = net.binary("SQUARED_DIFFERENCE", x, z)
    total = net.mean(net.binary("SUB", far, x), "SUM")
    return net.file(net.dense(total, 3))


NETWORKS: dict[str, Callable[[int], bytes]] = {
    "residual": residual,
    "decoder": decoder,
    "attention": attention,
    "functions": functions,
}


def quantized(python: str, data: bytes, seed: int, folder: Path) -> dict[str, bytes]:
    """What ai-edge-quantizer makes of a float file, by the name of its recipe."""
    path, samples = folder / "float.tflite", folder / "x.npy"
    path.write_bytes(data)
    form = parse(data).tensors[0].shape[1:]
    x = np.random.default_rng(seed).normal(0, 1, (_CALIBRATION, *form)).astype(np.float32)
    np.save(samples, x)
    command = [python, str(_CHILD), str(path), str(samples), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    print(done.stdout, end="")
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("ai*.tflite"))}


def main(python: str, seeds: int = 3) -> None:
    """A row for each network and recipe: files, integers, how many differ."""
    rows = []
    with Runtimes() as runtimes:
        for name, make in NETWORKS.items():
            found: dict[str, list[int]] = {}
            for seed in range(seeds):
                with tempfile.TemporaryDirectory() as folder:
                    made = quantized(python, make(seed), seed, Path(folder))
                for recipe, data in made.items():
                    verdict = judge(Drawn(data, (name,), recipe), runtimes, 16, seed)
                    row = found.setdefault(recipe, [0, 0, 0, 0])
                    refused, ran = bool(verdict.refused), bool(verdict.runtime)
                    counts = (1, int(refused or not ran), verdict.integers, verdict.differing)
                    found[recipe] = [a + b for a, b in zip(row, counts, strict=True)]
            rows += [
                dict(zip(_COLUMNS, ("measured", name, recipe, *counts), strict=True))
                for recipe, counts in found.items()
            ]
    write("quantizer_doors", rows)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
