"""Float .tflite files compute in PyTorch what LiteRT computes, and bad ones are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("ai_edge_litert")

from torch import nn  # noqa: E402

from hwkit.cli import main  # noqa: E402
from hwkit.errors import ConfigError, FormatError, HwkitError, UnsupportedOp  # noqa: E402
from hwkit.flow.quantizing import run_litert  # noqa: E402
from hwkit.targets.edge.flatbuffer import FileTensor  # noqa: E402
from hwkit.train.ptq.tflite_file import load_tflite  # noqa: E402
from hwkit.train.ptq.trace import traced  # noqa: E402
from tests.importers.tflite.files import file_bytes, integers, operator  # noqa: E402
from tests.train.ptq.nets import noise  # noqa: E402

Shape = tuple[int, ...]


def real(name: str, *shape: int) -> FileTensor:
    return FileTensor(name, shape, "float32")


def known(name: str, *shape: int, seed: int = 0) -> FileTensor:
    """A constant of small random numbers."""
    data = np.random.default_rng(seed).normal(0, 0.5, shape).astype(np.float32)
    return FileTensor(name, shape, "float32", data=data)


def number(name: str, value: float) -> FileTensor:
    return FileTensor(name, (), "float32", data=np.array(value, np.float32))


MAP: Shape = (1, 7, 6, 4)

# name, operator, other inputs, shape of x, shape of y, options table, its fields
_ROWS: list[tuple[str, str, list[FileTensor], Shape, Shape, str, dict[str, object]]] = [
    ("relu", "RELU", [], MAP, MAP, "", {}),
    ("relu6", "RELU6", [], MAP, MAP, "", {}),
    ("relu_n1_to_1", "RELU_N1_TO_1", [], MAP, MAP, "", {}),
    ("relu_0_to_1", "RELU_0_TO_1", [], MAP, MAP, "", {}),
    ("hard_swish", "HARD_SWISH", [], MAP, MAP, "HardSwishOptions", {}),
    ("logistic", "LOGISTIC", [], MAP, MAP, "", {}),
    ("tanh", "TANH", [], MAP, MAP, "", {}),
    ("elu", "ELU", [], MAP, MAP, "", {}),
    ("gelu", "GELU", [], MAP, MAP, "GeluOptions", {"approximate": False}),
    ("gelu_tanh", "GELU", [], MAP, MAP, "GeluOptions", {"approximate": True}),
    ("leaky", "LEAKY_RELU", [], MAP, MAP, "LeakyReluOptions", {"alpha": 0.2}),
    ("neg", "NEG", [], MAP, MAP, "NegOptions", {}),
    ("prelu", "PRELU", [known("a", 1, 1, 4)], MAP, MAP, "", {}),
    ("softmax", "SOFTMAX", [], MAP, MAP, "SoftmaxOptions", {"beta": 1.0}),
    ("abs", "ABS", [], MAP, MAP, "AbsOptions", {}),
    ("exp", "EXP", [], MAP, MAP, "ExpOptions", {}),
    ("tile", "TILE", [integers("a", [1, 1, 2, 3])], MAP, (1, 7, 12, 12), "TileOptions", {}),
    ("reduce_max", "REDUCE_MAX", [integers("a", [1, 2])], MAP, (1, 4), "ReducerOptions", {}),
    ("reduce_max_line", "REDUCE_MAX", [integers("a", [1])], (1, 7, 6), (1, 6),
     "ReducerOptions", {}),
    ("softmax_beta", "SOFTMAX", [], (1, 5), (1, 5), "SoftmaxOptions", {"beta": 0.5}),
    ("log_softmax", "LOG_SOFTMAX", [], (1, 5), (1, 5), "LogSoftmaxOptions", {}),
    ("add", "ADD", [known("a", 4)], MAP, MAP, "AddOptions", {"fusedActivationFunction": 1}),
    ("add_place", "ADD", [known("a", 1, 7, 6, 4)], MAP, MAP, "AddOptions", {}),
    ("sub", "SUB", [known("a", 1, 1, 1, 4)], MAP, MAP, "SubOptions", {}),
    ("mul", "MUL", [known("a", 4)], MAP, MAP, "MulOptions", {"fusedActivationFunction": 3}),
    ("mul_number", "MUL", [number("a", -0.3)], MAP, MAP, "MulOptions", {}),
    ("div", "DIV", [number("a", 3.0)], MAP, MAP, "DivOptions", {}),
    ("maximum", "MAXIMUM", [number("a", -0.5)], MAP, MAP, "MaximumMinimumOptions", {}),
    ("minimum", "MINIMUM", [number("a", 0.5)], MAP, MAP, "MaximumMinimumOptions", {}),
    ("mean", "MEAN", [integers("a", [1, 2])], MAP, (1, 4), "ReducerOptions", {}),
    ("mean_keep", "MEAN", [integers("a", [1, 2])], MAP, (1, 1, 1, 4), "ReducerOptions",
     {"keepDims": True}),
    ("mean_one", "MEAN", [integers("a", [-2])], MAP, (1, 7, 4), "ReducerOptions", {}),
    ("sum", "SUM", [integers("a", [1, 2])], MAP, (1, 4), "ReducerOptions", {}),
    ("reshape", "RESHAPE", [integers("a", [1, 168])], MAP, (1, 168), "ReshapeOptions", {}),
    ("transpose", "TRANSPOSE", [integers("a", [0, 2, 1, 3])], MAP, (1, 6, 7, 4),
     "TransposeOptions", {}),
    ("transpose_batch", "TRANSPOSE", [integers("a", [1, 0, 2])], (1, 7, 6), (7, 1, 6),
     "TransposeOptions", {}),
    ("pad", "PAD", [integers("a", [[0, 0], [1, 2], [0, 1], [0, 3]])], MAP, (1, 10, 7, 7),
     "PadOptions", {}),
    ("slice", "SLICE", [integers("a", [0, 1, 2, 0]), integers("b", [1, 3, -1, 2])], MAP,
     (1, 3, 4, 2), "SliceOptions", {}),
    ("strided", "STRIDED_SLICE", [integers("a", [0, 1, -5, 0]), integers("b", [1, 6, 6, 0]),
     integers("c", [1, 2, 1, 1])], MAP, (1, 3, 5, 4), "StridedSliceOptions", {"endMask": 8}),
    ("strided_shrink", "STRIDED_SLICE", [integers("a", [0, -1, 0, 0]),
     integers("b", [1, 0, 6, 4]), integers("c", [1, 1, 1, 1])], MAP, (1, 6, 4),
     "StridedSliceOptions", {"shrinkAxisMask": 2}),
    ("nearest", "RESIZE_NEAREST_NEIGHBOR", [integers("a", [14, 18])], MAP, (1, 14, 18, 4),
     "ResizeNearestNeighborOptions", {}),
    ("bilinear", "RESIZE_BILINEAR", [integers("a", [14, 12])], MAP, (1, 14, 12, 4),
     "ResizeBilinearOptions", {"halfPixelCenters": True}),
    ("depth_to_space", "DEPTH_TO_SPACE", [], MAP, (1, 14, 12, 1), "DepthToSpaceOptions",
     {"blockSize": 2}),
    ("space_to_depth", "SPACE_TO_DEPTH", [], (1, 4, 6, 2), (1, 2, 3, 8), "SpaceToDepthOptions",
     {"blockSize": 2}),
    ("conv", "CONV_2D", [known("a", 5, 3, 2, 4), known("b", 5)], MAP, (1, 4, 3, 5),
     "Conv2DOptions", {"strideH": 2, "strideW": 2, "padding": 0, "fusedActivationFunction": 1}),
    ("conv_valid", "CONV_2D", [known("a", 5, 2, 2, 4), known("b", 5)], MAP, (1, 5, 4, 5),
     "Conv2DOptions", {"strideH": 1, "strideW": 1, "padding": 1, "dilationHFactor": 2,
     "dilationWFactor": 2}),
    ("conv_groups", "CONV_2D", [known("a", 6, 3, 3, 2), known("b", 6)], MAP, (1, 7, 6, 6),
     "Conv2DOptions", {"strideH": 1, "strideW": 1, "padding": 0}),
    ("depthwise", "DEPTHWISE_CONV_2D", [known("a", 1, 3, 3, 8), known("b", 8)], MAP,
     (1, 7, 6, 8), "DepthwiseConv2DOptions", {"strideH": 1, "strideW": 1, "padding": 0,
     "depthMultiplier": 2, "fusedActivationFunction": 3}),
    ("dense", "FULLY_CONNECTED", [known("a", 3, 168), known("b", 3)], MAP, (1, 3),
     "FullyConnectedOptions", {"fusedActivationFunction": 1}),
    ("dense_rows", "FULLY_CONNECTED", [known("a", 3, 4)], MAP, (1, 7, 6, 3),
     "FullyConnectedOptions", {"keepNumDims": True}),
    ("dense_flat_rows", "FULLY_CONNECTED", [known("a", 3, 4), known("b", 3)], (1, 6, 4),
     (6, 3), "FullyConnectedOptions", {}),
    ("max_pool", "MAX_POOL_2D", [], MAP, (1, 4, 3, 4), "Pool2DOptions",
     {"padding": 0, "filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2}),
    ("average_pool", "AVERAGE_POOL_2D", [], MAP, (1, 7, 6, 4), "Pool2DOptions",
     {"padding": 0, "filterHeight": 3, "filterWidth": 3, "strideH": 1, "strideW": 1}),
    ("average_pool_even", "AVERAGE_POOL_2D", [], MAP, (1, 4, 3, 4), "Pool2DOptions",
     {"padding": 0, "filterHeight": 2, "filterWidth": 2, "strideH": 2, "strideW": 2}),
    ("average_pool_whole", "AVERAGE_POOL_2D", [], MAP, (1, 1, 1, 4), "Pool2DOptions",
     {"padding": 1, "filterHeight": 7, "filterWidth": 6, "strideH": 7, "strideW": 6}),
]  # fmt: skip
CASES = {row[0]: row[1:] for row in _ROWS}


def _bytes(name: str) -> bytes:
    code, others, before, after, options, fields = CASES[name]
    names = ("x", *(tensor.name for tensor in others))
    tensors = [real("x", *before), *others, real("y", *after)]
    return file_bytes(tensors, [operator(code, names, ("y",), options, **fields)])


def _same(data: bytes, path: Path, shape: Shape) -> nn.Module:
    """The network in ``data``, whose outputs for three samples at once are LiteRT's for each."""
    path.write_bytes(data)
    sample = shape[1:] if len(shape) > 1 and shape[0] == 1 else shape
    x = noise(3, *sample)
    network = load_tflite(path, x[:1], run_litert)
    wanted = torch.tensor(run_litert(data, x.reshape(3, *shape).numpy()))
    got = network(x)
    torch.testing.assert_close(got, wanted.reshape(got.shape), rtol=1e-4, atol=1e-4)
    return network


@pytest.mark.parametrize("name", CASES)
def test_operators(name: str, tmp_path: Path) -> None:
    shape = CASES[name][2]
    network = _same(_bytes(name), tmp_path / "m.tflite", shape)
    x = noise(3, *shape[1:])
    if "softmax" not in name:  # left out at an end
        torch.testing.assert_close(traced(network, x).unfolded.eval()(x), network(x))


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_transposed_convolutions(kernel: int, stride: int, padding: int, tmp_path: Path) -> None:
    """SAME gives stride times the size, VALID all sums."""
    sides = [n * stride if padding == 0 else (n - 1) * stride + max(kernel, stride) for n in (3, 4)]
    tensors = [
        integers("s", [1, *sides, 5]), known("w", 5, kernel, kernel, 4), real("x", 1, 3, 4, 4),
        known("b", 5), real("y", 1, *sides, 5),
    ]  # fmt: skip
    fields = {"strideH": stride, "strideW": stride, "padding": padding}
    op = operator("TRANSPOSE_CONV", ("s", "w", "x", "b"), ("y",), "TransposeConvOptions", **fields)
    _same(file_bytes(tensors, [op]), tmp_path / "m.tflite", (1, 3, 4, 4))


def _several() -> bytes:
    """Branches in both orders: what is split and joined, read twice, squared, and packed."""
    fields = {"strideH": 1, "strideW": 1, "padding": 0}
    tensors = [
        real("x", 1, 6, 6, 4), known("w", 4, 3, 3, 4), known("b", 4), real("c", 1, 6, 6, 4),
        integers("axis", 3), real("p", 1, 6, 6, 2), real("q", 1, 6, 6, 2), real("m", 1, 6, 6, 2),
        real("d", 1, 6, 6, 2), real("k", 1, 6, 6, 4), real("e", 1, 6, 6, 4),
        integers("flat", [1, 6, 24]), real("f", 1, 6, 24), real("g", 1, 2, 6, 24),
         real("h", 1, 6, 24), real("i", 1, 6, 24), real("y", 1, 6, 6),
    ]  # fmt: skip
    ops = [
        operator("CONV_2D", ("x", "w", "b"), ("c",), "Conv2DOptions", **fields),
        operator("SPLIT", ("axis", "c"), ("p", "q"), "SplitOptions", numSplits=2),
        operator("MAXIMUM", ("p", "q"), ("m",), "MaximumMinimumOptions"),
        operator("SQUARED_DIFFERENCE", ("p", "m"), ("d",), "SquaredDifferenceOptions"),
        operator("CONCATENATION", ("d", "q"), ("k",), "ConcatenationOptions", axis=3),
        operator("MUL", ("k", "x"), ("e",), "MulOptions"),
        operator("RESHAPE", ("e", "flat"), ("f",), "ReshapeOptions"),
        operator("PACK", ("f", "f"), ("g",), "PackOptions", valuesCount=2, axis=1),
        operator("UNPACK", ("g",), ("h", "i"), "UnpackOptions", num=2, axis=1),
        operator("BATCH_MATMUL", ("h", "i"), ("y",), "BatchMatMulOptions", adjY=True),
    ]
    return file_bytes(tensors, ops)


def test_several_operators(tmp_path: Path) -> None:
    _same(_several(), tmp_path / "m.tflite", (1, 6, 6, 4))


def test_half_weights_are_widened(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(0, 0.5, (3, 4)).astype(np.float16)
    half = FileTensor("w", (3, 4), "float16", data=data)
    tensors = [real("x", 1, 4), half, real("v", 3, 4), real("y", 1, 3)]
    ops = [
        operator("DEQUANTIZE", ("w",), ("v",), "DequantizeOptions"),
        operator("FULLY_CONNECTED", ("x", "v"), ("y",), "FullyConnectedOptions"),
    ]
    _same(file_bytes(tensors, ops), tmp_path / "m.tflite", (1, 4))


def _wrong(data: bytes, path: Path, *shape: int) -> str:
    path.write_bytes(data)
    with pytest.raises(HwkitError) as caught:
        load_tflite(path, noise(1, *shape))
    assert "\n" not in str(caught.value)
    return f"{type(caught.value).__name__}: {caught.value}"


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    sine = file_bytes([real("x", 1, 4), real("y", 1, 4)], [operator("SIGN", ("x",))])
    assert "SIGN of float; it knows ABS" in _wrong(sine, path, 4)
    assert "does not take samples of shape (5,); it takes (4,)" in _wrong(sine, path, 5)
    whole = FileTensor("x", (1, 4), "int8", (0.1,), 0)
    tensors = [whole, FileTensor("y", (1, 4), "int8", (0.1,), 0)]
    assert "use 'hwkit import'" in _wrong(file_bytes(tensors, [operator("RELU", ("x",))]), path, 4)
    both = [real("x", 1, 4), real("z", 1, 4), real("y", 1, 4)]
    add = operator("ADD", ("x", "z"), ("y",), "AddOptions")
    assert "2 inputs and 1 outputs" in _wrong(file_bytes(both, [add], ("x", "z")), path, 4)
    hybrid = FileTensor("w", (3, 4), "int8", (0.1,), 0, data=np.ones((3, 4), np.int8))
    tensors = [real("x", 1, 4), hybrid, real("y", 1, 3)]
    dense = operator("FULLY_CONNECTED", ("x", "w"), ("y",), "FullyConnectedOptions")
    assert "convert without optimizations" in _wrong(file_bytes(tensors, [dense]), path, 4)


def test_another_runtime_s_numbers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    path.write_bytes(_bytes("relu"))
    with pytest.raises(ConfigError, match="LiteRT gives other numbers"):
        load_tflite(path, noise(1, 7, 6, 4), lambda data, x: run_litert(data, x) + 1)


@pytest.mark.parametrize(
    "name", ["conv", "strided", "pad", "transpose", "mean", "dense", "tile", "several"]
)
def test_damaged_files_are_refused(name: str, tmp_path: Path) -> None:
    """A byte changed anywhere gives a network or one line, never anything else."""
    data, shape = (
        (_several(), (1, 6, 6, 4)) if name == "several" else (_bytes(name), CASES[name][2])
    )
    rng, path = np.random.default_rng(1), tmp_path / "m.tflite"
    for at in rng.integers(0, len(data), 200):
        changed = bytearray(data)
        changed[at] = rng.integers(256)
        path.write_bytes(changed)
        try:
            load_tflite(path, noise(1, *shape[1:]))
        except (ConfigError, FormatError, UnsupportedOp) as error:
            assert "\n" not in str(error)


def test_a_run_of_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "m.tflite").write_bytes(_bytes("conv"))
    np.save(tmp_path / "x.npy", noise(16, *MAP[1:]).numpy())
    words = ["quantize", str(tmp_path / "m.tflite"), "--calibration", str(tmp_path / "x.npy")]
    with pytest.raises(SystemExit) as left:
        main([*words, "-o", str(tmp_path / "run")])
    assert left.value.code in (0, None)
    assert "0 differing" in capsys.readouterr().out
