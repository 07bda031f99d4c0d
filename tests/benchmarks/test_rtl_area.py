"""The cost model of the RTL layers, beside networks that it was not fitted on."""

from __future__ import annotations

import pytest

from benchmarks.csvfile import read
from benchmarks.rtl_area import COUNTS, FAMILIES, counted, wanted
from benchmarks.rtl_area_designs import KINDS, WINDOW, design
from benchmarks.rtl_area_fit import GUESSED, Row, errors, estimate, fitted, rows
from hwkit.targets.rtl.cost import Mapped, coefficients

BAR_PERCENT = 8.0
NETWORKS = rows({"network"})


@pytest.mark.parametrize("family", FAMILIES)
def test_luts_of_networks_that_were_not_fitted_on(family: str) -> None:
    of = coefficients()[family]
    mine = [row for row in NETWORKS if row.family == family]
    off = [abs(estimate(row, of, "lut") / row.counted["lut"] - 1) for row in mine]
    assert len(mine) >= 5 and all(row.held_out for row in mine)
    assert 100 * sum(off) / len(off) < BAR_PERCENT


def test_the_errors_told_are_those_of_the_coefficients_in_the_package() -> None:
    told = [row for row in read("rtl_area_error") if row["designs"] == "networks, held out"]
    again = [row for row in errors(NETWORKS, coefficients()) if row["count"]]
    again = [row for row in again if row["designs"] == "networks, held out"]
    assert told == [{key: str(value) for key, value in row.items()} for row in again]


def test_blocks_of_ram_of_networks_are_exact() -> None:
    assert all(row.found.bram == row.counted["bram"] for row in NETWORKS)


def test_a_design_is_its_kind_and_number() -> None:
    assert set(COUNTS) == {*KINDS, WINDOW}
    assert len(list(wanted())) == sum(COUNTS.values())
    assert design("conv", 1).digest == design("conv", 1).digest != design("conv", 2).digest
    assert design(WINDOW, 0).digest != design(WINDOW, 1).digest


def test_the_fit_finds_what_a_bit_takes() -> None:
    """Of figures made with 2 and 0.5 LUTs a bit, and of flip-flops that no guess limits."""
    made = [Mapped({"sum.add": a, "fifo.count": b}, 0, 0) for a, b in ((8, 100), (90, 4), (40, 40))]
    some = [_row(m, lut=2 * m.terms["sum.add"] + 0.5 * m.terms["fifo.count"]) for m in made]
    guess = {"sum.add": GUESSED["sum.add"], "fifo.count": GUESSED["fifo.count"]}
    found = fitted(some, "lut", guess, 1e-6)
    assert found == pytest.approx({"sum.add": 2.0, "fifo.count": 0.5}, abs=1e-3)
    assert fitted(some, "ff", {}, 1e-6)["fifo.count"] == pytest.approx(0.0, abs=0.2)
    assert fitted(some, "lut", {"sum.add": 1.0}, 1e9)["sum.add"] == pytest.approx(1.0, abs=1e-3)


def _row(made: Mapped, lut: float) -> Row:
    return Row("two", 0, "ecp5", made, {"lut": round(lut), "ff": 1, "bram": 0, "dsp": 0})


@pytest.mark.slow
def test_rows_are_what_yosys_counts() -> None:
    made = design("rescale", 2)
    (row,) = [
        row
        for row in read("layers/rtl_area")
        if (row["kind"], row["number"], row["family"]) == ("rescale", "2", "gowin")
    ]
    (counts,) = counted([made], "gowin")
    assert row["digest"] == made.digest
    assert (counts.lut, counts.ff) == (int(row["lut"]), int(row["ff"]))
