"""States that a file has as inputs and outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hwkit
from hwkit.cli import main
from hwkit.errors import ConfigError
from hwkit.flow.carry import pairs_of
from tests.importers.tflite.files import activation, file_bytes, operator

_TENSORS = [
    activation("x", (1, 4), 0.1, 3), activation("h", (1, 4), 0.1, 3),
    activation("y", (1, 4), 0.1, 3),
]  # fmt: skip


def _summing() -> bytes:
    add = operator("ADD", ("x", "h"), ("y",), "AddOptions")
    twice = operator("ADD", ("y", "y"), ("z",), "AddOptions")
    z = activation("z", (1, 4), 0.2, 3)
    return file_bytes([*_TENSORS, z], [add, twice], ("x", "h"), ("z", "y"))


def test_a_file_that_hands_its_state_on(tmp_path: Path) -> None:
    (tmp_path / "m.tflite").write_bytes(_summing())
    words = ["import", str(tmp_path / "m.tflite"), "--carry", "h=y", "-o"]
    with pytest.raises(SystemExit) as left:
        main([*words, str(tmp_path / "m.hwk")])
    assert left.value.code in (0, None)
    graph = hwkit.load(tmp_path / "m.hwk")
    assert (graph.inputs, graph.outputs, len(graph.states)) == (("x",), ("z",), 1)
    x = np.full((5, 4), 3 + 2, np.int8)  # Two steps above 0 each time.
    assert np.asarray(graph.predict(x))[:, 0].tolist() == [5, 7, 9, 11, 13]


@pytest.mark.parametrize("texts", [["h"], ["=y"], ["h="], ["h=y", "h=z"], ["h=y", "x=y"]])
def test_what_is_no_pair(texts: list[str]) -> None:
    with pytest.raises(ConfigError, match="not IN=OUT, or there already"):
        pairs_of(texts)
