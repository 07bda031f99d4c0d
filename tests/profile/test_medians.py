"""Repeats become one profile: medians, sums, and None for what a board can't give."""

from __future__ import annotations

import pytest

from hwkit.errors import ConfigError, DeviceError
from hwkit.profile.measurement import Figures
from hwkit.profile.medians import medians
from hwkit.profile.statistics import Spread
from hwkit.target import WHOLE_MODEL, LayerTiming


def run(*cycles: int | None, us: float | None = None) -> list[LayerTiming]:
    return [
        LayerTiming(i, f"l{i}", "Dense", 10 * (i + 1), None, value, us)
        for i, value in enumerate(cycles)
    ]


def test_medians_sums_and_spread() -> None:
    found = medians("m4", [run(10, 100), run(14, 90), run(11, 130)], warm_up=2)
    assert found.layers[0] == Figures(
        0, "l0", "Dense", 10, cycles=11, spread={"cycles": Spread(10, 11, 14, 1)}
    )
    assert found.total == Figures(
        WHOLE_MODEL,
        "total",
        "Model",
        30,
        cycles=111,
        spread={"cycles": Spread(104, 110, 141, 6)},
    )
    assert isinstance(found.total.cycles, int) and found.whole is None


def test_a_figure_that_one_layer_lacks_has_no_sum() -> None:
    found = medians("m4", [run(10, None)])
    assert [layer.cycles for layer in found.layers] == [10, None]
    assert found.total.cycles is None and found.total.spread == {}


def test_a_figure_that_one_run_lacks_is_none() -> None:
    assert medians("m4", [run(10), run(None)]).layers[0].cycles is None


def timed_at_once(us: float, *layers: float | None) -> list[LayerTiming]:
    rows = [LayerTiming(i, f"l{i}", "Dense", 10, us=value) for i, value in enumerate(layers)]
    return [LayerTiming(WHOLE_MODEL, "net", "Model", 10 * len(layers), us=us), *rows]


def test_the_whole_model_stands_beside_the_sum_of_its_layers() -> None:
    found = medians("host", [timed_at_once(2.5, 1.0, 2.0), timed_at_once(2.5, 1.0, 2.2)])
    assert [layer.us for layer in found.layers] == [1.0, 2.1]
    assert found.total.us == 3.1
    assert found.whole is not None and (found.whole.us, found.whole.macs) == (2.5, 20)


def test_the_whole_model_stands_in_for_a_sum_that_is_none() -> None:
    found = medians("host", [timed_at_once(2.5, None, None)])
    assert found.layers[0].us is None
    assert found.total.us == 2.5 and found.total.spread["us"].median == 2.5


def test_runs_of_different_layers_are_refused() -> None:
    with pytest.raises(DeviceError, match="run 1 reports 1 layers that are not the 2 of run 0"):
        medians("host", [run(1, 2), run(1)])


def test_a_negative_figure_is_refused() -> None:
    with pytest.raises(DeviceError, match="l0 reports -5 cycles"):
        medians("host", [run(-5)])


def test_no_runs() -> None:
    with pytest.raises(ConfigError, match="repeats 0"):
        medians("host", [])


def test_a_graph_without_layers() -> None:
    found = medians("host", [[]])
    assert found.layers == ()
    assert found.total == Figures(WHOLE_MODEL, "total", "Model", 0)
