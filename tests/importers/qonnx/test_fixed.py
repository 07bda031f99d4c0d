"""Exact arithmetic around a quantizer is read as ties that go up, or as integers that wrap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.importers import load_model
from hwkit.ir.ops import Dense, Overflow, Requantize, Rounding
from tests.predicted import predicted

from .test_importer import Onnx


def layer() -> Onnx:
    """Input and weights on grids of 0.5 and 0.25: sums on one of 0.125."""
    model = Onnx((1, 2))
    model.quant("x", "q")
    model.weight(((1.0, -0.5), (0.25, 0.75)))
    model.node("MatMul", ["q", model.node("Transpose", ["wq"], "wt", perm=[1, 0])], "sums")
    return model


def wrapped(model: Onnx, low: float, period: float, source: str = "wide") -> None:
    model.quant("sums", "wide", 0.5, bits=32, mode="FLOOR")
    model.node("Sub", [source, model.constant("low", np.float32(low))], "above")
    period_name = model.constant("period", np.float32(period))
    model.node("Div", ["above", period_name], "ratio")
    model.node("Floor", ["ratio"], "turns")
    model.node("Mul", ["turns", period_name], "whole")
    model.node("Sub", ["wide", "whole"], "y")


INPUTS = np.array([[a, b] for a in range(-128, 128, 5) for b in range(-128, 128, 5)])
SUMS = INPUTS @ np.array([[4, -2], [1, 3]]).T


def test_half_a_step_and_floor_is_half_up(tmp_path: Path) -> None:
    model = layer()
    model.node("Add", ["sums", model.constant("half", np.float32(0.25))], "moved")
    model.quant("moved", "y", 0.5, mode="FLOOR")
    graph = load_model(model.save(tmp_path / "m.onnx"))
    assert [type(op) for op in graph.nodes] == [Dense, Requantize]
    layer_, output = graph.nodes
    assert isinstance(layer_, Dense) and layer_.bias is None
    assert isinstance(output, Requantize) and output.rescale.rounding is Rounding.HALF_UP
    wanted = np.clip((SUMS + 2) >> 2, -128, 127)
    assert np.array_equal(predicted(graph, INPUTS), wanted)


def test_another_offset_stays_one(tmp_path: Path) -> None:
    model = layer()
    model.node("Add", ["sums", model.constant("third", np.float32(0.375))], "moved")
    model.quant("moved", "y", 0.5, mode="FLOOR")
    graph = load_model(model.save(tmp_path / "m.onnx"))
    output = graph.nodes[1]
    assert isinstance(output, Requantize) and output.rescale.rounding is Rounding.FLOOR
    assert np.array_equal(predicted(graph, INPUTS), np.clip((SUMS + 3) >> 2, -128, 127))


@pytest.mark.parametrize(("low", "period", "bits"), [(-4.0, 8.0, 4), (0.0, 8.0, 4), (-1.0, 2.0, 2)])
def test_turns_taken_off_are_wrapping(tmp_path: Path, low: float, period: float, bits: int) -> None:
    model = layer()
    wrapped(model, low, period)
    graph = load_model(model.save(tmp_path / "m.onnx"))
    assert [type(op) for op in graph.nodes] == [Dense, Requantize]
    output = graph.nodes[1]
    assert isinstance(output, Requantize) and output.rescale.overflow is Overflow.WRAP
    first, steps = int(low / 0.5), 1 << bits
    assert graph.tensors["y" if "y" in graph.tensors else graph.outputs[0]].dtype.bits == bits
    assert np.array_equal(predicted(graph, INPUTS), ((SUMS >> 2) - first) % steps + first)


@pytest.mark.parametrize(
    ("low", "period", "source"),
    [(-4.0, 7.0, "wide"), (-3.0, 8.0, "wide"), (-4.0, 8.0, "sums")],
)
def test_what_is_nearly_wrapping_is_refused(
    tmp_path: Path, low: float, period: float, source: str
) -> None:
    model = layer()
    wrapped(model, low, period, source)
    with pytest.raises(UnsupportedOp):
        load_model(model.save(tmp_path / "m.onnx"))


def test_a_value_that_another_node_reads_is_not_folded_away(tmp_path: Path) -> None:
    model = layer()
    wrapped(model, -4.0, 8.0)
    model.node("Relu", ["turns"], "more")
    model.node("Add", ["y", "more"], "z")
    with pytest.raises(UnsupportedOp, match="32 bits"):
        load_model(model.save(tmp_path / "m.onnx", "z"))


def test_an_input_cannot_wrap(tmp_path: Path) -> None:
    model = Onnx((1, 2))
    model.node("Identity", ["x"], "sums")
    wrapped(model, -4.0, 8.0)
    with pytest.raises(UnsupportedOp, match="wrapping of an input"):
        load_model(model.save(tmp_path / "m.onnx"))
