"""Strings of tensors: one behind the other, there and back."""

from __future__ import annotations

import numpy as np

from hwkit.device.strings import input_strings, outputs_in
from tests.conformance.graphs import feeds_for
from tests.conformance.plain import stream


def test_inputs_lie_one_behind_the_other() -> None:
    graph, feeds = stream(), feeds_for(stream(), 2, 3)
    first, second = input_strings(graph, feeds)
    assert first == feeds["x"][0].tobytes() + feeds["skip"][0].tobytes()
    assert second[72:] == feeds["skip"][1].tobytes()


def test_outputs_come_back_batch_first() -> None:
    graph = stream()
    found = outputs_in(graph, [bytes(162), bytes(range(162))])
    assert {name: value.shape for name, value in found.items()} == {
        "y": (2, 6, 6, 2),
        "most": (2, 3, 3, 2),
        "c": (2, 6, 6, 2),
    }
    assert not found["c"][0].any() and found["most"][1].ravel().tolist() == list(range(72, 90))
    assert all(value.dtype == np.int8 for value in found.values())
    assert all(len(value) == 0 for value in outputs_in(graph, []).values())
