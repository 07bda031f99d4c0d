"""What sessions are given to time."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Add
from hwkit.ir.types import S8, S32, Array
from hwkit.targets.timed import timed_sample


def graph() -> Graph:
    b = GraphBuilder("two")
    b.input("a", (3,), S8)
    b.input("b", (3,), S8)
    b.add(Add("sum", ("a", "b"), "y"), S32)
    return b.build(["y"])


def feeds(samples: int) -> dict[str, Array]:
    return {name: np.full((samples, 3), k) for k, name in enumerate("ba")}


def test_one_sample_in_the_graphs_order_and_types() -> None:
    given = timed_sample(graph(), feeds(1), 1, 0)
    assert list(given) == ["a", "b"] and {x.dtype for x in given.values()} == {np.dtype(np.int8)}
    assert [x.tolist() for x in given.values()] == [[[1, 1, 1]], [[0, 0, 0]]]


@pytest.mark.parametrize(
    ("samples", "repeats", "warm_up", "message"),
    [
        (0, 1, 0, "timing: 0 samples, 1 repeats, 0 to warm up; give one sample"),
        (2, 1, 0, "timing: 2 samples"),
        (1, 0, 0, "0 repeats"),
        (1, 1, -1, "-1 to warm up"),
    ],
)
def test_anything_else_is_refused(samples: int, repeats: int, warm_up: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        timed_sample(graph(), feeds(samples), repeats, warm_up)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ConfigError, match="input 'b' is missing"):
        timed_sample(graph(), {"a": np.zeros((1, 3), np.int8)}, 1, 0)
