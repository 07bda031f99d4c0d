"""LUTs of each width on an FPGA board, for choosing widths under a LUT budget."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit import boards
from hwkit.allocate.budget import parse
from hwkit.allocate.cost import Sensitivity, SensitivityRow
from hwkit.allocate.solve import allocate
from hwkit.errors import BudgetInfeasible, ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, MaxPool2d, Rescale, Rounding
from hwkit.ir.types import S8, Quantization
from hwkit.targets.rtl.allocation import estimate_costs

SCALE = Quantization((0.5,))


def dense_network() -> Graph:
    """Two dense layers of 8-bit weights."""
    random = np.random.default_rng(0)
    b = GraphBuilder("dense")
    b.input("x", (32,), S8, SCALE)
    rescale = Rescale((1,), (9,), Rounding.HALF_UP, -128, 127)
    for name, source, inputs, outputs in (("fc1", "x", 32, 32), ("fc2", "fc1", 32, 10)):
        b.constant(f"{name}.w", random.integers(-128, 128, (outputs, inputs)), S8)
        b.add(Dense(name, source, f"{name}.w", None, name, rescale=rescale), S8, SCALE)
    return b.build(["fc2"])


def test_a_lut_budget_narrows_layers() -> None:
    table = estimate_costs(dense_network(), boards.load("ulx3s_85f"))
    assert table.evidence == "estimated"
    assert [(row.layer, row.bits) for row in table.rows] == [
        (layer, bits) for bits in (8, 4) for layer in ("fc1", "fc2")
    ]
    luts = {(row.layer, row.bits): row.lut or 0 for row in table.rows}
    widest = sum(luts[layer, 8] for layer in ("fc1", "fc2")) + table.fixed.lut
    assert luts["fc1", 4] < luts["fc1", 8]
    harm = Sensitivity(
        tuple(SensitivityRow(layer, bits, 8.0 - bits) for layer, bits in luts), "made up"
    )
    assert set(allocate(table, harm, parse(f"lut={widest}")).weight_bits.values()) == {8}
    plan = allocate(table, harm, parse(f"lut={widest - 1}"))
    assert 4 in plan.weight_bits.values()
    assert plan.predicted["lut"] < widest
    with pytest.raises(BudgetInfeasible, match="lut 100, least reachable"):
        allocate(table, harm, parse("lut=100"))
    with pytest.raises(ConfigError, match="latency"):
        allocate(table, harm, parse("latency=5ms"))


def test_maps_have_widths_too() -> None:
    table = estimate_costs(dense_network(), boards.load("ulx3s_85f"), (8, 4), (8, 4, 2))
    luts = {(row.layer, row.bits, row.activation_bits): row.lut or 0 for row in table.rows}
    first = {("fc1", w, None) for w in (8, 4)}
    assert set(luts) == first | {("fc2", w, a) for w in (8, 4) for a in (8, 4, 2)}
    assert max(luts["fc2", 8, 2], luts["fc2", 8, 4]) < luts["fc2", 8, 8]
    assert table.reads == {"fc2": "fc1"}
    assert [(row.map, row.bits, row.lut) for row in table.maps] == [
        ("fc1", bits, 0) for bits in (8, 4, 2)
    ]
    plain = estimate_costs(dense_network(), boards.load("ulx3s_85f"))
    assert {(r.layer, r.bits): r.lut for r in plain.rows} == {
        (layer, w): lut for (layer, w, a), lut in luts.items() if a in (None, 8)
    }


def test_a_graph_without_weights_has_no_widths() -> None:
    b = GraphBuilder("pool")
    b.input("x", (4, 4, 2), S8, SCALE)
    b.add(MaxPool2d("m", "x", "y", (2, 2), (2, 2)), S8, SCALE)
    with pytest.raises(ConfigError, match="no layer has weights"):
        estimate_costs(b.build(["y"]), boards.load("ulx3s_85f"))
