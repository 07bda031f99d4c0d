"""The library API on a network with two inputs, three outputs and a state."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import hwkit
from hwkit import cli
from hwkit.boards import load
from hwkit.errors import ConfigError
from hwkit.ir.feeds import random_feeds
from hwkit.ir.interpret import run
from hwkit.revision import called
from tests.targets.mcu.stateful import ring


@pytest.fixture
def feeds() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    row = rng.integers(0, 256, (4, 1, 6, 2)).astype(np.uint8)
    return {"row": row, "gain": rng.integers(-128, 128, (4, 5)).astype(np.int8)}


def test_predict_by_name_in_steps_and_from_the_start(feeds: dict[str, np.ndarray]) -> None:
    graph = ring()
    steps, each = graph.predict(feeds), graph.predict(feeds, reset_each=True)
    assert list(steps) == list(each) == ["y", "next", "gain"]
    first = run(graph, {name: x[2:3] for name, x in feeds.items()})
    for name, y in first.items():
        np.testing.assert_array_equal(each[name][2:3], y)
    assert (steps["y"] != each["y"]).any()
    for board in (None, "interpreter"):
        for reset_each, expected in ((False, steps), (True, each)):
            got = hwkit.predict(graph, feeds, board, reset_each=reset_each)
            assert list(got) == list(expected)
            for name in expected:
                np.testing.assert_array_equal(got[name], expected[name])


def test_a_name_that_no_input_has(feeds: dict[str, np.ndarray]) -> None:
    with pytest.raises(ConfigError, match="no input 'rows'; ring has row, gain"):
        ring().predict({**feeds, "rows": feeds["row"]})
    with pytest.raises(ConfigError, match="'gain' is missing"):
        ring().predict(feeds["row"])


def test_a_graph_on_one_line() -> None:
    assert repr(ring()) == (
        "<Graph ring: 5 nodes, 1 state; row u8 (1, 6, 2), gain s8 (5,) -> "
        "y s8 (5,), next u8 (2, 6, 2), gain s8 (5,)>"
    )


def test_each_document_names_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HWKIT_STORE", str(tmp_path / "measurements.sqlite"))
    model, out = tmp_path / "m.hwk", tmp_path / "build"
    ring().save(str(model))
    size = ["--optimize", "size"]
    for name, *more in (
        ["verify", "-n", "2", *size],
        ["deploy", "-o", str(out), *size],
        ["profile", "--artifact", str(out), "--repeats", "1"],  # what was deployed says it itself
    ):
        assert cli._run([name, str(model), "--board", "virtual_m4", "--json", *more]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["options"] == {"optimize": "size"} and found["board"] == "virtual_m4"
        assert {"hwkit", "format"} < set(found)

    arguments = ["profile", str(model), "--board", "virtual_m4", "--artifact", str(out)]
    assert cli._run([*arguments, "--optimize", "speed"]) == 2
    assert "chosen for size, not speed; leave --optimize out" in capsys.readouterr().err


def test_options_of_boards() -> None:
    assert load("virtual_m0").options == {"optimize": "balanced"}
    assert load("ulx3s_85f").options == {"frames_per_second": 10_000, "lut": 83_640}
    assert load("host_tflm").options == load("interpreter").options == {}


def test_the_functions_and_their_stamps(tmp_path: Path) -> None:
    graph = ring()
    x = random_feeds(graph, 3, 0)
    found = hwkit.verify(graph, "interpreter", x).check()
    assert found.inputs == 3 and found.options == {}
    facts = hwkit.deploy(graph, "interpreter", tmp_path / "b")
    assert facts == json.loads((tmp_path / "b" / "deploy.json").read_text())
    taken = hwkit.profile(graph, "interpreter", repeats=1, store=tmp_path / "m.sqlite")
    assert taken["format"] == 2 and taken["total"]["us"] > 0


def test_all_that_is_public_is_there_and_typed() -> None:
    from hwkit.errors import HwkitError
    from hwkit.ir.graph import Graph

    assert hwkit.Graph is Graph and hwkit.HwkitError is HwkitError
    with pytest.raises(AttributeError, match="no attribute 'Grpah'"):
        hwkit.__getattr__("Grpah")
    for name in hwkit.__all__:
        public = getattr(hwkit, name)
        if inspect.isfunction(public):
            assert "Example: " in (public.__doc__ or ""), name
            hints = inspect.get_annotations(public)
            assert not [key for key, kind in hints.items() if kind == "Any"], name


def test_what_was_measured_is_read_back(tmp_path: Path) -> None:
    store = tmp_path / "m.sqlite"
    hwkit.profile(ring(), "interpreter", repeats=1, store=store)
    (row,) = hwkit.measurements(store, board="interpreter")
    assert row.measurement.model == "ring" and row.exactness is None
    assert row.measurement.toolchain["hwkit"] == called()
    assert hwkit.measurements(store, board="virtual_m4") == []
