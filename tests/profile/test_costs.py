"""Costs of layers in the store: by what they are, each once."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hwkit.errors import FormatError
from hwkit.profile.book import CostBook, layer_costs
from hwkit.profile.medians import medians
from hwkit.profile.nearest import nearest
from hwkit.profile.statistics import spread
from hwkit.profile.store.costs import LayerCost
from hwkit.target import CostKey, LayerTiming
from tests.profile.example import MEASUREMENT


def dense(inputs: int, outputs: int, bits: int = 8) -> dict[str, Any]:
    return {
        "op": "Dense",
        "inputs": [f"s8[{inputs}]"],
        "constants": [f"s{bits}[{outputs},{inputs}]", f"s32[{outputs}]"],
        "output": f"s8[{outputs}]",
        "macs": inputs * outputs,
    }


def cost(layer: dict[str, Any], us: float, **changes: Any) -> LayerCost:
    spreads = {"us": spread([us] * 6)}
    found = LayerCost("host", "measured", layer, {"runtime": "r"}, layer["macs"], us=us,
                      spread=spreads, repeats=6, drift=0.01, model="m")  # fmt: skip
    return replace(found, **changes)


@pytest.fixture
def book(tmp_path: Path) -> CostBook:
    return CostBook(tmp_path / "m.sqlite")


def test_what_is_kept_is_known(book: CostBook) -> None:
    one, other = cost(dense(8, 4), 1.5), cost(dense(8, 4, 4), 2.0, cycles=7, evidence="simulated")
    assert book.known([one.key]) == {} and book.all() == []
    book.keep([one, other])
    assert book.known([one.key, other.key, CostKey({}, {})]) == {
        one.key.digest: one, other.key.digest: other
    }  # fmt: skip
    assert {of.key.digest for of in book.all("host")} == {one.key.digest, other.key.digest}
    assert book.all("elsewhere") == []


def test_only_as_many_repeats_replace_what_is_known(book: CostBook) -> None:
    one = cost(dense(8, 4), 1.5)
    book.keep([one])
    book.keep([replace(one, us=9.0, repeats=5)])
    assert book.known([one.key])[one.key.digest].us == 1.5
    book.keep([replace(one, us=1.6, repeats=6)])
    assert book.known([one.key])[one.key.digest].us == 1.6


def test_a_key_is_what_it_says_in_any_order() -> None:
    assert CostKey({"a": 1, "b": 2}, {}).digest == CostKey({"b": 2, "a": 1}, {}).digest
    assert CostKey({"a": 1}, {"v": 1}).digest != CostKey({"a": 1}, {"v": 2}).digest


@pytest.mark.parametrize("change", ["layer = 'x'", "spread = '{'", "us = 'fast'", "repeats = 'a'"])
def test_rows_that_make_no_sense(book: CostBook, change: str) -> None:
    one = cost(dense(8, 4), 1.5)
    book.keep([one])
    with sqlite3.connect(str(book.place)) as db:
        db.execute(f"UPDATE cost SET {change}")
    db.close()
    with pytest.raises(FormatError, match=f"cost {one.key.digest:.12}"):
        book.known([one.key])


def test_of_layers_that_are_alike_the_first_is_kept() -> None:
    key = CostKey(dense(8, 4), {})
    rows = [LayerTiming(k, f"l{k}", "Dense", 32, cycles=10 + k) for k in range(3)]
    found = layer_costs("b", "simulated", "m", rows, {"l0": key, "l1": key})
    assert [(of.cycles, of.model, of.macs) for of in found] == [(10, "m", 32)]


def test_medians_keep_their_intervals(book: CostBook) -> None:
    runs = [[LayerTiming(0, "l0", "Dense", 32, us=1.0 + k / 100)] for k in range(8)]
    (row,) = medians("b", runs).layers
    (found,) = layer_costs("b", "measured", "m", [row], {"l0": CostKey(dense(8, 4), {})}, 8, 0.02)
    book.keep([found])
    (read,) = book.all()
    assert read == found and read.drift == 0.02
    assert (read.spread["us"].low, read.spread["us"].high) == (1.0, 1.07)


def test_the_nearest_shape_scales_with_the_work_and_says_how_far_off_it_is() -> None:
    table = [cost(dense(8, n), 0.1 * n + 1) for n in (4, 8, 16, 32)]
    found = nearest(CostKey(dense(8, 40), {"runtime": "r"}), table, "us")
    assert found is not None and found.like is table[-1]
    assert found.value == pytest.approx((0.1 * 32 + 1) * 40 / 32)
    # 4 from 8: 3.6 / 2 for 1.4 / 1.8 each way, and so on; the middle two are 16 from 8 or 32.
    assert found.error is not None and 0.2 < found.error < 0.6
    other = CostKey(dense(8, 40, 4), {"runtime": "r"})
    assert nearest(other, table, "us") is None  # nothing with 4-bit weights was measured
    assert nearest(CostKey(dense(8, 40), {"runtime": "s"}), table, "us") is None
    few = nearest(CostKey(dense(8, 40), {"runtime": "r"}), table[:2], "us")
    assert few is not None and few.error is None


def test_a_measurement_keeps_its_drift_and_prediction(tmp_path: Path) -> None:
    from hwkit.profile import store
    from hwkit.profile.prediction import Prediction

    promised = Prediction("costs", "cycles", 100, 103, 2, 1, 98, 102, 1, 0.1, ("other",))
    taken = replace(MEASUREMENT, drift=-0.01, prediction=promised)
    store.add(taken, tmp_path / "m.sqlite")
    (found,) = store.read(tmp_path / "m.sqlite")
    assert found.measurement == taken
    assert promised.error == pytest.approx(-3 / 103)
    assert replace(promised, value=None).error is None
