"""What each node of a QONNX file can't be, one value beyond what it can."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from hwkit.errors import FormatError, GraphError, HwkitError, UnsupportedOp
from hwkit.importers import load_model
from hwkit.importers.qonnx import file
from hwkit.ir.interpret import run
from hwkit.ir.ops import Conv2d, Padding
from tests.importers.qonnx.test_importer import Onnx

Make = Callable[[Onnx], Any]
MAP, ROW = (1, 2, 4, 4), (1, 6)


def floats(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def saved(make: Make, shape: tuple[int, ...], folder: Path) -> Path:
    model = Onnx(shape)
    model.quant("x", "q")
    make(model)
    return model.save(folder / "m.onnx")


def one(kind: str, **attributes: Any) -> Make:
    """A node on "q" alone."""
    return lambda m: m.node(kind, ["q"], "y", **attributes)


def conv(*shape: int, scale: Any = 0.25, bits: int = 8, **attributes: Any) -> Make:
    def make(m: Onnx) -> None:
        m.weight(np.ones(shape), scale, bits=bits)
        m.node("Conv", ["q", "wq"], "y", **attributes)

    return make


def biased(name: str, *bias: float) -> Make:
    """A pointwise convolution to three channels; its bias is "q" or a constant."""

    def make(m: Onnx) -> None:
        m.weight(np.ones((3, 2, 1, 1)))
        if bias:
            m.constant(name, floats(*bias))
        m.node("Conv", ["q", "wq", name], "y")

    return make


def gemm(*shape: int, **attributes: Any) -> Make:
    def make(m: Onnx) -> None:
        m.weight(np.ones(shape))
        m.node("Gemm", ["q", "wq", m.constant("b", floats(1.0))], "y", **attributes)

    return make


def norm(count: int, variance: float = 1.0, epsilon: float = 0.5) -> Make:
    """Behind a convolution to three channels, ``count`` numbers each."""

    def make(m: Onnx) -> None:
        m.weight(np.ones((3, 2, 1, 1)))
        m.node("Conv", ["q", "wq"], "s")
        values = [m.constant(k, floats(*[2.0] * count)) for k in ("gamma", "beta", "mean")]
        values.append(m.constant("variance", floats(*[variance] * count)))
        m.node("BatchNormalization", ["s", *values], "n", epsilon=epsilon)
        m.quant("n", "y", 4.0)

    return make


def pad(pads: list[int], value: float | None = None, **attributes: Any) -> Make:
    def make(m: Onnx) -> None:
        names = ["q", m.constant("pads", np.array(pads))]
        if value is not None:
            names.append(m.constant("value", floats(value)))
        m.node("Pad", names, "y", **attributes)

    return make


def quant(**options: Any) -> Make:
    return lambda m: m.quant("q", "y", **options)


def binary(*scale: float) -> Make:
    return lambda m: m.node("BipolarQuant", ["q", m.constant("s", floats(*scale))], "y")


def reshape(*target: int) -> Make:
    return lambda m: m.node("Reshape", ["q", m.constant("to", np.array(target))], "y")


def mean(*axes: int) -> Make:
    return lambda m: m.node("ReduceMean", ["q"], "y", axes=list(axes))


def concat(axis: int, scale: float = 0.5) -> Make:
    def make(m: Onnx) -> None:
        m.quant("q", "r", scale)
        m.node("Concat", ["q", "r"], "y", axis=axis)

    return make


def trunc(bits: float = 4.0, scale: float = 0.5, output_scale: float = 1.0) -> Make:
    def make(m: Onnx) -> None:
        given = (scale, 0.0, 8.0, output_scale, bits)
        names = [m.constant(f"t{k}", floats(v)) for k, v in enumerate(given)]
        m.node("Trunc", ["q", *names], "y", rounding_mode="FLOOR")

    return make


POOL = {"kernel_shape": [2, 2]}


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (one("MaxPool", kernel_shape=[2]), (1, 2, 4)),
        (one("MaxPool", **POOL), MAP),
        (one("AveragePool", pads=[1, 0, 0, 1], count_include_pad=1, **POOL), MAP),
        (mean(2, 3), MAP),
        (mean(-1, -2), MAP),
        (mean(2), (1, 2, 4)),
        (pad([0, 0, 1, 2, 0, 0, 0, 1]), MAP),
        (pad([0, 0, 1, 2, 0, 0, 0, 1], 1.5), MAP),
        (pad([0, 0, 1, 0, 0, 2]), (1, 2, 4)),
        (concat(1), MAP),
        (concat(1, 0.5), ROW),
        (concat(-1), MAP),
        (concat(3), MAP),
        (concat(2, 0.75), MAP),
        (mean(2), MAP),
        (one("AveragePool", pads=[1, 0, 0, 1], **POOL), MAP),
        (one("AveragePool", pads=[1, 0, 0, 1], count_include_pad=1, ceil_mode=1, **POOL), MAP),
        (reshape(1, 8, 4), MAP),
        (reshape(1, 3, 1, 2), ROW),
        (reshape(1, 3, 2, 1), ROW),
        (gemm(4, 3), MAP),
        (conv(3, 2, 1, 1, bits=9), MAP),
        (reshape(1, 32), MAP),
        (reshape(1, -1), MAP),
        (reshape(1, 6, 1, 1), ROW),
        (conv(6, 1, 3, 3, group=2), MAP),
        (conv(3, 2, 4, 4, pads=[0, 1, 0, 1]), MAP),
        (conv(3, 2, 3), (1, 2, 4)),
        (biased("b", 1.0), MAP),
        (biased("b", 1.0, 2.0, 3.0), MAP),
        (conv(3, 2, 1, 1, scale=floats(1, 2, 4).reshape(3, 1, 1, 1)), MAP),
        (gemm(6, 3), ROW),
        (gemm(3, 6, transB=1), ROW),
        (norm(3), MAP),
        (norm(1), MAP),
        (norm(3, 0.0), MAP),
        (quant(bits=2), ROW),
        (quant(bits=floats(4).reshape(1, 1)), ROW),
        (quant(zero_point=floats(*[3.0] * 6).reshape(1, 6)), ROW),
        (trunc(), ROW),
        (trunc(1.0), ROW),
    ],
)
def test_what_is_taken(make: Make, shape: tuple[int, ...], tmp_path: Path) -> None:
    graph = load_model(saved(make, shape, tmp_path))
    assert graph.outputs


@pytest.mark.parametrize(
    ("mode", "padding"),
    [("SAME_UPPER", Padding(0, 1, 1, 1)), ("SAME_LOWER", Padding(1, 0, 1, 1))],
)
def test_padding_follows_each_side_of_the_kernel(
    mode: str, padding: Padding, tmp_path: Path
) -> None:
    graph = load_model(saved(conv(3, 2, 2, 3, auto_pad=mode), MAP, tmp_path))
    assert [op.padding for op in graph.nodes if isinstance(op, Conv2d)] == [padding]


@pytest.mark.parametrize(
    ("make", "shape", "error", "message"),
    [
        (one("MaxPool", **POOL), ROW, UnsupportedOp, "give it a map"),
        (one("AveragePool", **POOL), ROW, UnsupportedOp, "give it a map"),
        (one("GlobalAveragePool"), ROW, UnsupportedOp, "keep the channels"),
        (one("MaxPool", dilations=[1, 2], **POOL), MAP, UnsupportedOp, "dilation 1"),
        (one("AveragePool", dilations=[2, 1], **POOL), MAP, UnsupportedOp, "dilation 1"),
        (mean(1, 2, 3), MAP, UnsupportedOp, "keep the channels"),
        (one("ReduceMean"), MAP, UnsupportedOp, "use rows and columns"),
        (pad([0, 0, 0, 0, 0, 0, 0, 1], mode="odd"), MAP, UnsupportedOp, "padding by odd"),
        (pad([0, 0, 0, 0, 0, 0, 0, 4], mode="reflect"), MAP, GraphError, "pads 4 by 4"),
        (pad([0] * 7), MAP, UnsupportedOp, "no constant of the export"),
        (pad([1, 0, 0, 0, 0, 0, 0, 0]), MAP, UnsupportedOp, "keep the batch as it is"),
        (pad([0, 0, 0, 0, 1, 0, 0, 0]), MAP, UnsupportedOp, "keep the batch as it is"),
        (pad([0, 0, 0, 0, 0, 0, 0, -4]), MAP, GraphError, "cuts nothing out of 4"),
        (concat(0), MAP, UnsupportedOp, "joining axis 0"),
        (concat(-4), MAP, UnsupportedOp, "joining axis -4"),
        (concat(4), MAP, UnsupportedOp, "joining axis 4"),
        (concat(-5), MAP, UnsupportedOp, "joining axis -5"),
        (reshape(2, 15), MAP, UnsupportedOp, "keep the batch"),
        (reshape(1, 31), MAP, UnsupportedOp, "keep the batch"),
        (reshape(32), MAP, UnsupportedOp, "keep the batch"),
        (conv(3, 2), MAP, UnsupportedOp, "use Conv1d or Conv2d"),
        (conv(3, 2, 3, 3, 3), MAP, UnsupportedOp, "use Conv1d or Conv2d"),
        (conv(3, 2, 3), MAP, UnsupportedOp, "use Conv1d or Conv2d"),
        (conv(4, 2, 1, 1, group=2), MAP, GraphError, "2 groups of 2 channels"),
        (conv(3, 1, 1, 1, group=2), MAP, GraphError, "2 groups of 2 channels"),
        (conv(3, 3, 1, 1), MAP, GraphError, "1 groups of 2 channels"),
        (
            conv(3, 2, 1, 1, scale=floats(1, 2).reshape(1, 2, 1, 1)),
            *(MAP, UnsupportedOp, "one per output channel"),
        ),
        (conv(3, 2, 1, 1, strides=[1, 0]), MAP, GraphError, "'strides'"),
        (conv(3, 2, 1, 1, strides=[1, 1, 1]), MAP, GraphError, "'strides'"),
        (conv(3, 2, 1, 1, pads=[0, 0, 1]), MAP, GraphError, "'pads'"),
        (conv(3, 2, 1, 1, pads=[0, 0, 0, -1]), MAP, UnsupportedOp, "negative padding"),
        (conv(3, 2, 1, 1, pads=[-1, 0, 0, 0]), MAP, UnsupportedOp, "negative padding"),
        (gemm(6, 3, transA=1), ROW, UnsupportedOp, "transA or alpha"),
        (gemm(6, 3, alpha=0.5), ROW, UnsupportedOp, "transA or alpha"),
        (gemm(6, 3, beta=0.5), ROW, UnsupportedOp, "beta"),
        (gemm(3, 6), ROW, UnsupportedOp, "flatten first"),
        (gemm(5, 3), MAP, UnsupportedOp, "flatten first"),
        (conv(3, 2, 1, 1, bits=10), MAP, UnsupportedOp, "use 8 bits or fewer"),
        (norm(2), MAP, GraphError, "2 numbers for 3 channels"),
        (norm(3, -0.5), MAP, GraphError, "a variance is not above 0"),
        (norm(3, 0.0, 0.0), MAP, GraphError, "a variance is not above 0"),
        (quant(bits=33), ROW, UnsupportedOp, "a width of 33 bits"),
        (quant(bits=0), ROW, UnsupportedOp, "a width of 0 bits"),
        (quant(zero_point=2.0**31), ROW, GraphError, "no 32-bit integer"),
        (quant(zero_point=0.5), ROW, GraphError, "zero point is 0.5"),
        (quant(zero_point=floats(*[3.0] * 5)), ROW, GraphError, "zero point of shape"),
        (quant(zero_point=floats().reshape(0, 6)), ROW, GraphError, "zero point of shape"),
        (quant(bits=floats(*[3.0] * 5)), ROW, GraphError, "bit width of shape"),
        (quant(zero_point=floats(0, 0, 0, 0, 0, 1)), ROW, UnsupportedOp, "differs within"),
        (quant(scale=floats()), ROW, GraphError, "its scale is no float32"),
        (quant(scale=np.array(1)), ROW, GraphError, "its scale is no float32"),
        (binary(1, 2, 3), MAP, GraphError, "scale of shape (3,) does not fit (1, 2, 4, 4)"),
        (trunc(0.0), ROW, GraphError, "Trunc to 0.0 bits"),
        (trunc(17.0), ROW, GraphError, "Trunc to 17.0 bits"),
        (trunc(4.0, 0.5, 0.0), ROW, GraphError, "and scale 0.0"),
        (trunc(4.0, 0.25), ROW, UnsupportedOp, "another scale than its input's"),
    ],
)
def test_what_is_refused(
    make: Make, shape: tuple[int, ...], error: type[HwkitError], message: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        load_model(saved(make, shape, tmp_path))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["strides", "dilations", "kernel_shape"])
@pytest.mark.parametrize("kind", ["MaxPool", "LpPool"])
def test_steps_of_zero_are_refused_before_a_runtime_divides_by_them(
    kind: str, key: str, tmp_path: Path
) -> None:
    attributes = {"kernel_shape": [2, 2], key: [0, 2]}
    with pytest.raises(GraphError, match=rf"attribute '{key}' is \[0, 2\]"):
        load_model(saved(one(kind, **attributes), MAP, tmp_path))


@pytest.mark.parametrize("kind", ["Log", "Sqrt", "Reciprocal"])
def test_functions_without_a_value_are_refused_without_warnings(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings(), pytest.raises(HwkitError, match="is not finite"):
        warnings.simplefilter("error")
        load_model(saved(lambda m: m.quant(m.node(kind, ["q"], "f") or "f", "y"), ROW, tmp_path))


def test_as_many_nodes_as_a_file_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(one("Relu"), MAP, tmp_path)
    count = len(onnx.load(path).graph.node)
    monkeypatch.setattr(file, "MAX_NODES", count)
    assert len(file.read_onnx(path).nodes) == count
    monkeypatch.setattr(file, "MAX_NODES", count - 1)
    with pytest.raises(FormatError, match=f"{count} nodes are more than {count - 1}"):
        file.read_onnx(path)


@pytest.mark.parametrize(
    ("starts", "ends", "taken"),
    [
        ((0, 1), (1, 2), [1]),
        ((-1, -9), (9, 1), [0]),
        ((1, 0), (2, 2), None),
        ((0, 0), (0, 2), None),
    ],
)
def test_the_batch_is_cut_whole_or_not_at_all(
    starts: tuple[int, int], ends: tuple[int, int], taken: list[int] | None, tmp_path: Path
) -> None:
    def make(m: Onnx) -> None:
        parts = {"starts": starts, "ends": ends, "axes": (0, 1)}
        m.node("Slice", ["q", *(m.constant(k, np.array(v)) for k, v in parts.items())], "y")

    path = saved(make, MAP, tmp_path)
    if taken is None:
        with pytest.raises(UnsupportedOp, match="a part of the batch; keep it whole"):
            load_model(path)
        return
    x = np.arange(32).reshape(1, 4, 4, 2)
    (y,) = run(load_model(path), {"x": x}).values()
    assert np.array_equal(y, x[..., taken])
