"""16-bit activations in both runtimes: what runs equals the lowered graph, integer by integer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hwkit.errors import UnsupportedOp
from hwkit.ir.arith import quantize_multiplier
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Clamp, Dense, Lookup, Pad, Padding, Requantize, Rescale, Rounding
from hwkit.ir.types import S8, S16, S32, IntType, Quantization
from hwkit.targets.edge.emit import MODEL, emit
from hwkit.targets.edge.loaded import load, run_all
from tests.importers.tflite.files import as_tflm
from tests.importers.tflite.networks import sixteen_bits
from tests.importers.tflite.networks16 import NETWORKS16
from tests.sessions import random_inputs
from tests.targets.edge.networks import BOARDS, lowered, runtime

_NETWORKS = {**NETWORKS16, "sixteen_bits": sixteen_bits}


def _moved(graph: Graph, board: str, samples: int = 40) -> int:
    """Integers that lowering moved; those of the runtime must be the lowered graph's."""
    form = lowered(graph, board)
    x = random_inputs(graph, samples, seed=1)
    (got,) = run_all(load(runtime(board), emit(form).files[MODEL]), x)
    np.testing.assert_array_equal(got, form.graph.predict(x))
    return int(np.count_nonzero(form.graph.predict(x) != graph.predict(x)))


@pytest.mark.parametrize("name", sorted(_NETWORKS))
def test_a_file_of_tflm_comes_back(name: str, tmp_path: Path) -> None:
    assert _moved(as_tflm(_NETWORKS[name](), tmp_path, 3), "host_tflm") == 0


@pytest.mark.parametrize("name", sorted(_NETWORKS))
def test_litert_equals_its_graph(name: str, tmp_path: Path) -> None:
    """Its dense layers round otherwise than TFLM's."""
    graph = as_tflm(_NETWORKS[name](), tmp_path, 3)
    moved = _moved(graph, "host_litert")
    assert moved == 0 or any(isinstance(op, Dense) for op in graph.nodes)


def _one(step: Rescale | None, dtype: IntType = S16, zero_point: int = 0) -> Graph:
    """A dense layer of 16 bits."""
    rng = np.random.default_rng(0)
    b = GraphBuilder("one")
    b.input("x", (12,), dtype, Quantization((0.001,), zero_point))
    b.constant("w", rng.integers(-127, 128, (5, 12)), S8)
    out = S32 if step is None else S16
    b.add(Dense("op", "x", "w", None, "y", zero_point, rescale=step), out)
    return b.build(["y"])


def _rescale(factor: float) -> Rescale:
    multiplier, shift = quantize_multiplier(factor)
    return Rescale((multiplier,), (shift,), Rounding.DOUBLE, S16.low, S16.high)


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("dtype", [S16, IntType(12, True)])
def test_a_layer_without_scales(dtype: IntType, board: str) -> None:
    _moved(_one(_rescale(0.003), dtype), board)


@pytest.mark.parametrize("board", BOARDS)
def test_pads_clamps_and_changes_of_width(board: str) -> None:
    b = GraphBuilder("moved")
    b.input("x", (3, 4, 2), S8, Quantization((0.1,), 5))
    b.add(Requantize("up", "x", "m", _rescale(97.3), 5), S16)
    b.add(Pad("pad", "m", "p", Padding(1, 0, 2, 1), 0), S16)
    b.add(Clamp("cut", "p", "c", -5000, 7001), S16)
    down = Rescale((quantize_multiplier(0.01)[0],), (37,), Rounding.DOUBLE, -128, 127, -3)
    b.add(Requantize("down", "c", "y", down), S8)
    _moved(b.build(["y"]), board)


@pytest.mark.parametrize("board", BOARDS)
def test_what_a_file_cannot_say_is_named(board: str) -> None:
    with pytest.raises(UnsupportedOp, match=r"op: .*zero point 7; it must be 0"):
        lowered(_one(_rescale(0.003), zero_point=7), board)
    with pytest.raises(UnsupportedOp, match=r"op: .*whole sums of 16-bit integers"):
        lowered(_one(None), board)


def test_a_table_is_read_where_no_operator_has_it() -> None:
    b = GraphBuilder("table")
    b.input("x", (9,), S16, Quantization((0.001,), 0))
    table = np.random.default_rng(0).integers(-32768, 32768, 1 << 16)
    b.constant("t", table, S16)
    b.add(Lookup("op", "x", "t", "y"), S16)
    assert _moved(b.build(["y"]), "host_litert") == 0
