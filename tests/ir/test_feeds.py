"""Random inputs: over the whole range, the same for a seed, no more than fit in memory."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import ConfigError
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.feeds import random_feeds
from hwkit.ir.ops import Add
from hwkit.ir.types import S32, IntType


def test_random_feeds() -> None:
    b = GraphBuilder("two")
    b.input("a", (2, 3), IntType(2, True))
    b.input("b", (2, 3), IntType(3, False))
    b.add(Add("sum", ("a", "b"), "y"), S32)
    graph = b.build(["y"])
    feeds = random_feeds(graph, 500, 7)
    assert [(name, x.shape) for name, x in feeds.items()] == [
        ("a", (500, 2, 3)),
        ("b", (500, 2, 3)),
    ]
    assert set(feeds["a"].ravel().tolist()) == {-2, -1, 0, 1} and feeds["a"].dtype == np.int8
    assert set(feeds["b"].ravel().tolist()) == set(range(8)) and feeds["b"].dtype == np.uint8
    again, other = random_feeds(graph, 500, 7), random_feeds(graph, 500, 8)
    assert (again["a"] == feeds["a"]).all() and (other["a"] != feeds["a"]).any()
    assert len(random_feeds(graph, 0, 0)["a"]) == 0
    with pytest.raises(ConfigError, match="do not fit in memory; at most 22369621 at once"):
        random_feeds(graph, 22369622, 0)
