"""The cost table between profiles: what one network's layers took is known of the next one's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hwkit import boards, targets
from hwkit.errors import ConfigError
from hwkit.flow.build import lower
from hwkit.flow.costs import keys_of, predicted
from hwkit.flow.profiling import profile
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense
from hwkit.ir.types import S8, S32
from hwkit.profile.book import CostBook, HasCosts
from hwkit.profile.store.costs import LayerCost
from hwkit.targets.edge import cost as edge_cost
from hwkit.targets.mcu import cost as mcu_cost
from tests.targets.edge.networks import residual
from tests.targets.mcu.models import rescale, separable


@pytest.fixture
def book(tmp_path: Path) -> CostBook:
    return CostBook(tmp_path / "m.sqlite")


def test_a_network_is_predicted_from_another_with_its_layers(book: CostBook) -> None:
    first = profile(separable(0), "virtual_m4", repeats=1, store=book.place).prediction
    assert first is not None and first.value is None
    assert (first.known, first.layers) == (0, len(separable(0).nodes))
    assert predicted(separable(1), "virtual_m4", book).value is not None
    second = profile(separable(1), "virtual_m4", repeats=1, store=book.place).prediction
    assert second is not None and second.error is not None
    assert second.known == second.layers and abs(second.error) <= 0.03


def test_a_table_on_a_microcontroller_is_measured_once(
    book: CostBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = _table(separable(0), "virtual_m4", (8,), book)

    def refuse(*given: Any) -> None:
        raise AssertionError("ran again")

    monkeypatch.setattr(mcu_cost, "open_session", refuse)
    assert _table(separable(0), "virtual_m4", (8,), book) == table
    # Of the same shapes: other weights, the same time.
    other = _table(separable(1), "virtual_m4", (8,), book)
    assert [row.cycles for row in other.rows] == [row.cycles for row in table.rows]
    with pytest.raises(AssertionError, match="ran again"):
        _table(separable(0), "virtual_m4", (8,), CostBook(Path(str(book.place) + "2")))


def _table(graph: Graph, board: str, widths: Sequence[int], book: CostBook) -> Any:
    description = boards.load(board)
    target = targets.get(description)
    assert isinstance(target, HasCosts)
    return target.costs(graph, description, widths, (), book)


def test_a_table_on_a_host_is_measured_once(
    book: CostBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    table = _table(residual(0), "host_litert", (8, 4), book)
    layers = ["conv", "depthwise", "dense"]
    assert [(row.layer, row.bits) for row in table.rows] == [(n, b) for b in (8, 4) for n in layers]
    assert all(row.evidence == "measured" and row.us is not None for row in table.rows)
    assert table.fixed.us > 0 and table.fixed.flash_bytes > 0
    kept = book.all("host_litert")
    assert all(of.repeats >= 16 and of.drift is not None for of in kept)
    assert all(of.spread["us"].low is not None for of in kept)

    def refuse(*given: Any) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr(edge_cost, "in_turns", refuse)
    assert _table(residual(1), "host_litert", (8, 4), book) == table
    whole = predicted(residual(1), "host_litert", book)
    assert whole.known == whole.layers and whole.value and whole.low and whole.low <= whole.value


def test_a_whole_on_a_host_is_predicted_from_its_layers(book: CostBook) -> None:
    pytest.importorskip("ai_edge_litert")
    taken = profile(residual(0), "host_litert", within=0.05, store=book.place)
    assert taken.prediction is not None and taken.prediction.known == 0
    assert taken.prediction.value is not None and taken.whole is not None
    assert taken.prediction.measured == taken.whole.us
    assert taken.call is not None and taken.drift is not None
    rows = sum(layer.us or 0 for layer in taken.layers) + (taken.call.us or 0)
    assert taken.total.us == pytest.approx(rows)
    again = profile(residual(1), "host_litert", repeats=2, store=book.place).prediction
    assert again is not None and again.known == again.layers and again.models == ("residual",)


def test_a_circuit_is_predicted_by_its_timing_model(book: CostBook) -> None:
    found = predicted(residual(0), "rtl_sim", book)
    assert found.source == "timing model" and found.value


def test_the_nearest_shape_is_taken_where_it_is_asked_for(book: CostBook) -> None:
    graph = _dense(40)
    target, lowered = lower(graph, "virtual_m4")
    key = keys_of(target, lowered)["dense"]

    def measured(outputs: int) -> LayerCost:
        layer = {**key.layer, "output": f"s8[{outputs}]", "macs": 64 * outputs}
        return LayerCost(
            "virtual_m4", "simulated", layer, key.build, layer["macs"], cycles=100 + 64 * outputs,
            model=f"dense{outputs}",
        )  # fmt: skip

    book.keep(map(measured, (16, 24, 32, 48)))
    assert predicted(graph, "virtual_m4", book).value is None
    near = predicted(graph, "virtual_m4", book, nearest=True)
    assert (near.known, near.nearest, near.models) == (0, 1, ("dense48",))
    assert near.value == pytest.approx((100 + 64 * 48) * 40 / 48, abs=0.01)
    assert near.nearest_error is not None and 0 < near.nearest_error < 0.1
    assert near.low is None  # of a guess there is no interval


def _dense(outputs: int) -> Graph:
    rng = np.random.default_rng(outputs)
    b = GraphBuilder(f"dense{outputs}")
    b.input("x", (64,), S8)
    weight = b.constant("w", rng.integers(-128, 128, (outputs, 64)), S8)
    bias = b.constant("b", rng.integers(-500, 500, outputs), S32)
    b.add(Dense("dense", "x", weight, bias, "y", rescale=rescale(38)), S8)
    return b.build(["y"])


def test_boards_without_costs_say_so(book: CostBook) -> None:
    with pytest.raises(ConfigError, match="no cost of their own"):
        predicted(residual(0), "host_tflm", book)
