"""QDQ, QCDQ and QOperator files: every integer is ONNX Runtime's, but for counted ties."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from hwkit.errors import GraphError, HwkitError, UnsupportedOp
from hwkit.importers import load_proven
from hwkit.importers.proof import Proof
from hwkit.importers.qonnx.importer import import_qonnx
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, Requantize
from tests.importers.qonnx.linear_files import NETWORKS, File, quantized_by_runtime

onnxruntime = pytest.importorskip("onnxruntime")

TIES = 1e-3
"""Of all integers at most."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx"


def proven(path: Path, samples: int = 16) -> tuple[Graph, Proof]:
    graph, proof = load_proven(path, samples)
    assert proof is not None
    assert proof.differing == 0, proof
    assert proof.integers > 0 and proof.ties <= max(TIES * proof.integers, 1)
    return graph, proof


def static(
    qdq: bool, activations: str, weights: str, per_channel: bool = False, **extra: bool
) -> Any:
    from onnxruntime.quantization import QuantFormat, QuantType

    return {
        "quant_format": QuantFormat.QDQ if qdq else QuantFormat.QOperator,
        "activation_type": QuantType[f"Q{activations}"],
        "weight_type": QuantType[f"Q{weights}"],
        "per_channel": per_channel,
        "extra_options": extra,
    }


STATIC = {
    "qdq int8": static(True, "Int8", "Int8"),
    "qdq uint8 by channel": static(True, "UInt8", "Int8", True),
    "qdq asymmetric weights": static(True, "UInt8", "UInt8", WeightSymmetric=False),
    "qdq symmetric": static(True, "UInt8", "Int8", True, ActivationSymmetric=True),
    "qoperator uint8": static(False, "UInt8", "UInt8"),
    "qoperator by channel": static(False, "UInt8", "Int8", True),
}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("options", STATIC)
def test_static_quantization_of_onnx_runtime(name: str, options: str, tmp_path: Path) -> None:
    path = quantized_by_runtime(name, tmp_path, **STATIC[options])
    _, proof = proven(path)
    assert proof.integers >= 16 * 4


def test_random_networks_keep_every_integer(path: Path) -> None:
    from tests.conformance.doors_onnx import Network

    integers = 0
    for seed in range(24):
        network = Network(seed)
        _, proof = load_proven(network.save(path), 4)
        assert proof is not None
        assert proof.differing == 0, (seed, network.kinds, proof)
        integers += proof.integers
    assert integers > 20_000


# --- forms ---------------------------------------------------------------------------------------


def dense(f: File, x: str, **weight: Any) -> str:
    return f.node("MatMul", [x, f.weight((4, 3), **weight)])


@pytest.mark.parametrize("opset", [10, 11, 13, 17, 19, 21])
@pytest.mark.parametrize("zero", [np.int8(0), np.int8(-7), np.uint8(100), None])
def test_opsets_and_zero_points(opset: int, zero: Any, path: Path) -> None:
    f = File((1, 4), opset)
    if zero is None:
        scale = f.constant(np.float32(0.05))
        x = f.node("DequantizeLinear", [f.node("QuantizeLinear", ["x", scale]), scale])
    else:
        x = f.quantized("x", 0.05, zero)
    y = f.quantized(dense(f, x), 0.03, np.int8(1))
    proven(f.save(path, y))


@pytest.mark.parametrize("opset", [18, 21])
@pytest.mark.parametrize("kind", [np.int16, np.uint16])
def test_sixteen_bits(opset: int, kind: Any, path: Path) -> None:
    f = File((1, 4), opset)
    domain = {"domain": "com.microsoft"} if opset < 21 else {}
    x = f.quantized("x", 1e-3, kind(77), **domain)
    y = f.quantized(dense(f, x), 2e-4, kind(30_000), **domain)
    proven(f.save(path, y))


@pytest.mark.parametrize(
    ("kind", "zero"),
    [("int8", np.int8(-9)), ("uint8", np.uint8(128)), ("uint8", np.uint8(129)),
     ("uint8", np.uint8(0)), ("uint8", np.array([3, 128, 255], np.uint8))],
)  # fmt: skip
def test_weights_with_zero_points(kind: str, zero: Any, path: Path) -> None:
    """Of more than 8 bits they are the sum of two layers."""
    f = File((1, 4))
    scale = 0.01 if zero.ndim == 0 else [0.01, 0.02, 0.03]
    extra = {} if zero.ndim == 0 else {"axis": 1}
    y = f.quantized(dense(f, f.quantized("x"), kind=kind, zero=zero, scale=scale, **extra), 0.1)
    graph, _ = proven(f.save(path, y))
    assert all(
        graph.tensors[op.weight].dtype.bits <= 8 for op in graph.nodes if isinstance(op, Dense)
    )


def test_a_clip_between_narrows_the_type(path: Path) -> None:
    """As Brevitas' QCDQ writes 4 bits in int8."""
    f = File((1, 4))
    parts = [f.constant(np.float32(0.1)), f.constant(np.int8(0))]
    bounds = [f.constant(np.int8(v)) for v in (-8, 7)]
    q = f.node("Clip", [f.node("QuantizeLinear", ["x", *parts]), *bounds])
    weight = f.constant(f.rng.integers(-7, 8, (4, 3)).astype(np.int8), "fc.weight")
    w = f.node("Clip", [weight, *(f.constant(np.int8(v)) for v in (-7, 7))])
    x = f.node("DequantizeLinear", [q, *parts])
    y = f.node("MatMul", [x, f.node("DequantizeLinear", [w, *parts])])
    graph, _ = proven(f.save(path, f.quantized(y)))
    assert str(graph.tensors["x"].dtype) == "s4"
    assert str(graph.tensors["fc.weight"].dtype) == "s4"


def test_integers_in_and_out(path: Path) -> None:
    """An input that is int8 already, moved before its dequantizer; outputs are integers too."""
    f = File((1, 4, 6, 6), kind=TensorProto.INT8)
    parts = [f.constant(np.float32(0.05)), f.constant(np.int8(3))]
    x = f.node("DequantizeLinear", ["x", *parts])
    y = f.node("Conv", [x, f.weight((5, 4, 3, 3))])
    parts = [f.constant(np.float32(0.0713)), f.constant(np.int8(3))]
    q = f.node("QuantizeLinear", [y, *parts])
    q = f.node("MaxPool", [q], kernel_shape=[2, 2])
    q = f.node("Transpose", [f.node("Reshape", [q, f.constant(np.array([0, 5, -1]))])],
               perm=[0, 2, 1])  # fmt: skip
    f.node("DequantizeLinear", [q, *parts], "y")
    graph, _ = proven(f.save(path, "y"))
    assert isinstance(graph.nodes[0], Conv2d)


def test_another_scale_behind_is_a_gain_and_an_offset(path: Path) -> None:
    f = File((1, 4))
    x = f.quantized("x")
    q = f.node("QuantizeLinear", [x, f.constant(np.float32(0.07)), f.constant(np.int8(5))])
    y = f.node("DequantizeLinear", [q, f.constant(np.float32(0.14)), f.constant(np.int8(-6))])
    proven(f.save(path, f.quantized(f.node("Relu", [y]), 0.11)))


def test_constants_through_other_nodes(path: Path) -> None:
    f = File((1, 4))
    scale = f.node("Identity", [f.constant(np.array([0.05], np.float32))])
    zero = f.node("Cast", [f.constant(np.int32(4))], to=TensorProto.INT8)
    q = f.node("QuantizeLinear", ["x", f.node("Squeeze", [scale]), zero])
    x = f.node("DequantizeLinear", [q, f.node("Squeeze", [scale]), zero])
    flat = f.constant(f.rng.integers(-9, 9, 12).astype(np.int8))
    w = f.node("Reshape", [flat, f.constant(np.array([4, 3]))])
    w = f.node("DequantizeLinear", [w, f.constant(np.float32(0.1))])
    proven(f.save(path, f.quantized(f.node("MatMul", [x, w]))))


def test_ties_go_to_even_before_the_zero_point(path: Path) -> None:
    """0.5 is 0 whatever the zero point is: QONNX's quantizers round the sum with it."""
    f = File((1, 1))
    x = f.quantized("x", 1.0, np.int8(0))
    y = f.quantized(f.node("Mul", [x, f.constant(np.float32(0.5))]), 1.0, np.int8(1))
    graph, proof = proven(f.save(path, y))
    given = np.arange(-4, 5, dtype=np.int8)[:, None]
    result = graph.predict(given)
    assert isinstance(result, np.ndarray)
    assert result[:, 0].tolist() == [-1, -1, 0, 1, 1, 1, 2, 3, 3]
    assert proof.ties == 0


def test_layers_are_called_what_their_parameters_are(path: Path) -> None:
    f = File((1, 4))
    w = f.constant(f.rng.integers(-9, 9, (4, 3)).astype(np.int8), "head.weight_quantized")
    w = f.node("DequantizeLinear", [w, f.constant(np.float32(0.1))])
    y = f.quantized(f.node("MatMul", [f.quantized("x"), w]))
    graph, _ = proven(f.save(path, y))
    layer, behind = graph.nodes
    assert layer.name == "head"
    assert isinstance(behind, Requantize)


# --- refusals ------------------------------------------------------------------------------------


def refused(kind: str) -> File:
    f = File((1, 4), 21)
    x = f.quantized("x")
    match kind:
        case "dynamic":
            f.node("DynamicQuantizeLinear", [x], "y")
        case "computed scale":
            f.node("QuantizeLinear", [x, f.node("ReduceMax", [x], keepdims=0)], "y")
        case "blocks":
            parts = [f.constant(np.full((2, 3), 0.1, np.float32))]
            integers = f.constant(np.ones((4, 3), np.int8))
            w = f.node("DequantizeLinear", [integers, *parts], axis=0, block_size=2)
            f.node("MatMul", [x, w], "y")
        case "integers as numbers":
            q = f.node("QuantizeLinear", [x, f.constant(np.float32(0.1)), f.constant(np.int8(0))])
            f.node("Add", [q, f.constant(np.int8(1))], "y")
        case "unlike integers":
            scales = [f.constant(np.float32(s)) for s in (0.1, 0.2)]
            both = [f.node("QuantizeLinear", [x, s]) for s in scales]
            f.node("DequantizeLinear", [f.node("Concat", both, axis=1), scales[0]], "y")
        case "float weight":
            f.node("MatMul", [x, f.floats(4, 3)], "y")
        case "scales that do not fit":
            integers = f.constant(np.ones((4, 3), np.int8))
            w = f.node("DequantizeLinear", [integers, f.constant(np.ones(2, np.float32))], axis=1)
            f.node("MatMul", [x, w], "y")
        case "zero scale":
            f.quantized(x, 0.0, output="y")
        case "an empty range":
            q = f.node("QuantizeLinear", [x, f.constant(np.float32(0.1)), f.constant(np.int8(0))])
            q = f.node("Clip", [q, f.constant(np.int8(5)), f.constant(np.int8(-5))])
            f.node("DequantizeLinear", [q, f.constant(np.float32(0.1))], "y")
    return f


@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("dynamic", UnsupportedOp, "'DynamicQuantizeLinear': its scale is computed"),
        ("computed scale", UnsupportedOp, "a computed scale or zero point"),
        ("blocks", UnsupportedOp, "scales of blocks"),
        ("integers as numbers", UnsupportedOp, "'Add' of integers"),
        ("unlike integers", UnsupportedOp, "integers of unlike scales"),
        ("float weight", UnsupportedOp, "its weight is not quantized"),
        ("scales that do not fit", GraphError, "does not fit weight"),
        ("zero scale", GraphError, "its scale is no float32 above 0"),
        ("an empty range", GraphError, "clips to 5..-5"),
    ],
)
def test_what_is_refused(kind: str, error: type[HwkitError], message: str, path: Path) -> None:
    with pytest.raises(error) as caught:
        import_qonnx(refused(kind).save(path, "y"))  # which cuts no float part off
    assert message in str(caught.value) and "\n" not in str(caught.value)
