"""QDQ files that compare, choose, repeat and turn what they have, beside ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from hwkit.errors import UnsupportedOp
from hwkit.importers import load_proven
from hwkit.ir.ops import Lookup, Mul
from tests.importers.qonnx.linear_files import File

MAP, ROWS = (1, 4, 4, 6), (1, 5, 6)
Make = Callable[[File, str], str]


def other(f: File, x: str) -> str:
    """Other integers of the same shape, with another scale."""
    return f.quantized(f.node("Sin", [f.node("Mul", [x, f.constant(np.float32(3))])]), 0.01)


def number(f: File, value: float) -> str:
    return f.constant(np.float32(value))


def leaky(f: File, x: str) -> str:
    less = f.node("Mul", [x, number(f, 0.25)])
    return f.node("Where", [f.node("Greater", [x, number(f, 0.2)]), x, less])


def of_two(f: File, x: str) -> str:
    y = other(f, x)
    return f.node("Where", [f.node("Less", [x, y]), x, y])


def masked(f: File, x: str) -> str:
    y = f.node("GreaterOrEqual", [other(f, x), number(f, 0.0)])
    return f.node("Where", [f.node("Not", [y]), number(f, -0.5), x])


def gated(f: File, x: str) -> str:
    y = f.node("Less", [other(f, x), number(f, 0.3)])
    both = f.node("And", [f.node("Greater", [x, number(f, -1.0)]), y])
    return f.node("Where", [both, number(f, 2.0), number(f, 0.25)])


def by_mask(f: File, x: str) -> str:
    held = f.constant(np.arange(6).reshape(1, 1, 1, 6) % 3 > 0)
    return f.node("Where", [held, x, number(f, -1.0)])


def larger(f: File, x: str) -> str:
    return f.node("Max", [x, other(f, x), number(f, -0.3)])


def smaller(f: File, x: str) -> str:
    return f.node("Min", [f.node("Neg", [x]), f.node("Abs", [x])])


def padded(mode: str) -> Make:
    def make(f: File, x: str) -> str:
        pads = f.constant(np.array([0, 0, 1, 2, 0, 0, 2, -1]))
        return f.node("Pad", [x, pads], mode=mode)

    return make


def filled(f: File, x: str) -> str:
    pads = f.constant(np.array([0, 1, 1, 0, 0, 0, 0, 2]))
    return f.node("Pad", [x, pads, number(f, 0.333)])


def repeated(f: File, x: str) -> str:
    mean = f.node("ReduceMax", [x], axes=[3], keepdims=1)
    wide = f.node("Expand", [mean, f.constant(np.array([1, 1, 1, 6]))])
    return f.node("Tile", [wide, f.constant(np.array([1, 2, 1, 1]))])


def in_space(mode: str) -> Make:
    return lambda f, x: f.node("DepthToSpace", [x], blocksize=2, mode=mode)


def in_depth(f: File, x: str) -> str:
    return f.node("SpaceToDepth", [x], blocksize=2)


def normed(f: File, x: str) -> str:
    gain, bias = (f.constant(np.linspace(a, 1.5, 4, dtype=np.float32)) for a in (0.5, -1))
    return f.node("InstanceNormalization", [x, gain, bias])


def soft_sign(f: File, x: str) -> str:
    size = f.quantized(f.node("Abs", [x]), 0.05, np.int8(-128))
    return f.node("Div", [x, f.quantized(f.node("Add", [size, number(f, 1.0)]), 0.0613)])


def over_channels(f: File, x: str) -> str:
    """The divisor comes from the same integers by a sum that differs by channel."""
    some = f.constant(np.linspace(5, 6, 4, dtype=np.float32).reshape(1, 4, 1, 1))
    return f.node("Div", [x, f.quantized(f.node("Add", [x, some]), 0.0713, np.int8(-128))])


def quotient(f: File, x: str) -> str:
    y = f.quantized(
        f.node("Exp", [f.node("Mul", [other(f, x), number(f, 0.5)])]), 0.02, np.int8(-100)
    )
    return f.node("Div", [x, f.node("Clip", [y, number(f, 0.5)])])


def by_scalar(f: File, x: str) -> str:
    return f.node("Mul", [x, f.quantized(number(f, 0.7), 0.01)])


FORMS: dict[str, tuple[Make, tuple[int, ...]]] = {
    **{make.__name__: (make, MAP) for make in (
        leaky, of_two, masked, gated, by_mask, larger, smaller, filled, repeated, in_depth, normed,
        soft_sign, over_channels, quotient, by_scalar,
    )},
    **{mode: (padded(mode), MAP) for mode in ("reflect", "edge", "constant")},
    **{mode: (in_space(mode), MAP) for mode in ("DCR", "CRD")},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_forms_equal_onnx_runtime(name: str, tmp_path: Path) -> None:
    make, shape = FORMS[name]
    f = File(shape)
    y = f.quantized(make(f, f.quantized("x", 0.03)), 0.0413)
    _, proof = load_proven(f.save(tmp_path / "m.onnx", y), 8)
    assert proof is not None and proof.check().integers > 500
    assert proof.ties <= proof.integers // 100


@pytest.mark.parametrize("make", [larger, of_two])
def test_a_choice_that_nothing_quantizes_again_has_what_it_chose(
    make: Make, tmp_path: Path
) -> None:
    """Its two operands are rounded to one grid, once: no more than the last bit of it is off."""
    f = File(MAP)
    y = make(f, f.quantized("x", 0.03))
    _, proof = load_proven(f.save(tmp_path / "m.onnx", y), 8)
    assert proof is not None and (proof.check().ties, proof.largest) == (0, 0)


def test_a_choice_by_its_own_integers_is_one_table(tmp_path: Path) -> None:
    f = File(MAP)
    y = f.quantized(leaky(f, f.quantized("x", 0.03)), 0.04)
    graph, _ = load_proven(f.save(tmp_path / "m.onnx", y), 2)
    assert [type(op) for op in graph.nodes] == [Lookup]


def test_attention_that_turns_the_batch_away(tmp_path: Path) -> None:
    """(N, T, 3 heads D) to (3, N, heads, T, D), of which three are taken; heads of dimension 2."""
    f = File(ROWS)
    x = f.quantized("x", 0.03)
    x = f.quantized(f.node("MatMul", [x, f.weight((6, 12))]), 0.05)
    x = f.node("Reshape", [x, f.constant(np.array([1, 5, 3, 2, 2]))])
    x = f.quantized(f.node("Transpose", [x], perm=[2, 0, 3, 1, 4]), 0.05)
    q, k, v = (f.node("Gather", [x, f.constant(np.array(i))], axis=0) for i in range(3))
    turned = f.node("Transpose", [k], perm=[0, 1, 3, 2])
    scores = f.quantized(f.node("MatMul", [q, turned]), 0.1)
    mixed = f.node("MatMul", [f.quantized(f.node("Softmax", [scores]), 1 / 256, np.int8(-128)), v])
    y = f.quantized(mixed, 0.04)
    graph, proof = load_proven(f.save(tmp_path / "m.onnx", y), 8)
    assert proof is not None and proof.check().integers > 1000
    assert graph.tensors[graph.outputs[0]].shape == (2, 5, 2)


def test_rows_multiplied_as_a_matrix(tmp_path: Path) -> None:
    """As optimizers write a dense layer on a sequence: (1, T, C) as (T, C) through a ``Gemm``."""
    f = File(ROWS)
    x = f.node("Reshape", [f.quantized("x", 0.03), f.constant(np.array([5, 6]))])
    weight, bias = f.weight((3, 6)), f.constant(np.array([0.1, -0.2, 0.3], np.float32))
    x = f.quantized(f.node("Gemm", [x, weight, bias], transB=1), 0.05)
    y = f.node("Reshape", [x, f.constant(np.array([1, 5, 3]))])
    graph, proof = load_proven(f.save(tmp_path / "m.onnx", y), 8)
    assert proof is not None and proof.check().integers >= 120
    assert graph.tensors[graph.outputs[0]].shape == (5, 3)


def test_a_batch_that_is_lost_where_nothing_is_known_is_refused(tmp_path: Path) -> None:
    f = File(ROWS)
    x = f.node("Transpose", [f.quantized("x", 0.03)], perm=[1, 0, 2])
    y = f.node("Flatten", [x])
    with pytest.raises(UnsupportedOp, match="Flatten of a tensor whose batch is not first"):
        load_proven(f.save(tmp_path / "m.onnx", y), 2)


def test_a_weight_dequantized_and_quantized_again(tmp_path: Path) -> None:
    f = File(ROWS)
    weight = f.quantized(f.weight((6, 3)), 0.02, np.int8(0))
    y = f.quantized(f.node("MatMul", [f.quantized("x", 0.03), weight]), 0.05)
    _, proof = load_proven(f.save(tmp_path / "m.onnx", y), 8)
    assert proof is not None and proof.check().integers >= 120


def test_products_of_conditions_are_exact(tmp_path: Path) -> None:
    """A choice between two tensors is a product with 0 or 1."""
    f = File(MAP)
    y = f.quantized(of_two(f, f.quantized("x", 0.03)), 0.04)
    graph, _ = load_proven(f.save(tmp_path / "m.onnx", y), 2)
    assert sum(isinstance(op, Mul) for op in graph.nodes) == 1
