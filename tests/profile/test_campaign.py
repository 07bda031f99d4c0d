"""Repeats become one profile: medians, sums, and null for what a board can't give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from hwkit.boards import Board, EdgeBoard, McuBoard, Uart
from hwkit.errors import ConfigError, DeviceError
from hwkit.profile.campaign import profile_json
from hwkit.record import from_json
from hwkit.report.summary import Profile
from hwkit.target import WHOLE_MODEL, LayerTiming

EDGE = Board("host", "Host", "edge", "", edge=EdgeBoard("litert"))
MCU = Board(
    "m4",
    "M4",
    "mcu",
    "",
    mcu=McuBoard("cortex-m4", (), "p", (), 64_000_000, (), Uart("d", 0, 1), "unicorn"),
)


def run(*cycles: int | None, us: float | None = None) -> list[LayerTiming]:
    return [
        LayerTiming(i, f"l{i}", "Dense", 10 * (i + 1), None, value, us)
        for i, value in enumerate(cycles)
    ]


def test_medians_sums_and_spread() -> None:
    profile = profile_json(MCU, [run(10, 100), run(14, 90), run(11, 130)], warm_up=2)
    assert (profile["board"], profile["evidence"]) == ("m4", "simulated")
    assert (profile["repeats"], profile["warm_up"], profile["clock_hz"]) == (3, 2, 64_000_000)
    assert profile["layers"][0] == {
        "index": 0,
        "name": "l0",
        "op": "Dense",
        "macs": 10,
        "instructions": None,
        "cycles": 11,
        "us": None,
        "spread": {"cycles": {"min": 10, "median": 11, "p95": 14, "mad": 1}},
    }
    assert profile["total"] == {
        "macs": 30,
        "instructions": None,
        "cycles": 111,
        "us": None,
        "spread": {"cycles": {"min": 104, "median": 110, "p95": 141, "mad": 6}},
    }
    assert isinstance(profile["total"]["cycles"], int)


def test_a_figure_that_one_layer_lacks_has_no_sum() -> None:
    profile = profile_json(MCU, [run(10, None)])
    assert [layer["cycles"] for layer in profile["layers"]] == [10, None]
    assert profile["total"]["cycles"] is None
    assert profile["total"]["spread"] == {}


def test_a_figure_that_one_run_lacks_is_null() -> None:
    profile = profile_json(MCU, [run(10), run(None)])
    assert profile["layers"][0]["cycles"] is None


def test_the_report_reads_it() -> None:
    value: dict[str, Any] = profile_json(EDGE, [run(1, 2, us=0.5), run(1, 2, us=0.75)])
    read = from_json(Profile, json.loads(json.dumps({"model": "m", **value})), "profile")
    assert read.total.us == 1.25
    assert read.evidence == "measured"


def timed_at_once(us: float, *layers: float | None) -> list[LayerTiming]:
    rows = [LayerTiming(i, f"l{i}", "Dense", 10, us=value) for i, value in enumerate(layers)]
    return [LayerTiming(WHOLE_MODEL, "net", "Model", 10 * len(layers), us=us), *rows]


def test_the_whole_model_stands_beside_the_sum_of_its_layers() -> None:
    profile = profile_json(EDGE, [timed_at_once(2.5, 1.0, 2.0), timed_at_once(2.5, 1.0, 2.2)])
    assert [layer["us"] for layer in profile["layers"]] == [1.0, 2.1]
    assert profile["total"]["us"] == 3.1
    assert profile["whole"]["us"] == 2.5
    assert profile["whole"]["macs"] == 20
    assert from_json(Profile, {"model": "m", **profile}, "profile").whole is not None


def test_the_whole_model_stands_in_for_a_sum_that_is_none() -> None:
    profile = profile_json(EDGE, [timed_at_once(2.5, None, None)])
    assert profile["layers"][0]["us"] is None
    assert profile["total"]["us"] == 2.5
    assert profile["total"]["spread"]["us"]["median"] == 2.5


def test_runs_of_different_layers_are_refused() -> None:
    with pytest.raises(DeviceError, match="run 1 reports 1 layers that are not the 2 of run 0"):
        profile_json(EDGE, [run(1, 2), run(1)])


def test_a_negative_figure_is_refused() -> None:
    with pytest.raises(DeviceError, match="l0 reports -5 cycles"):
        profile_json(EDGE, [run(-5)])


def test_no_runs() -> None:
    with pytest.raises(ConfigError, match="repeats 0"):
        profile_json(EDGE, [])


def test_a_graph_without_layers() -> None:
    profile = profile_json(EDGE, [[]])
    assert profile["layers"] == []
    assert profile["total"] == {
        "macs": 0, "instructions": None, "cycles": None, "us": None, "spread": {},
    }  # fmt: skip
