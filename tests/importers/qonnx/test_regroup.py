"""Axes that are joined or split where they lie."""

from __future__ import annotations

from itertools import pairwise
from math import prod

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hwkit.importers.qonnx.layout import graph_shape, to_file, to_graph
from hwkit.importers.qonnx.regroup import regrouped


def test_patches_and_heads_stay_where_they_are() -> None:
    assert regrouped((1, 2, 0), (8, 5, 6), (8, 30)) == (1, 0)
    assert regrouped((1, 0), (64, 49), (4, 16, 49)) == (2, 0, 1)
    assert regrouped((0, 1), (49, 64), (49, 4, 16)) == (0, 1, 2)
    assert regrouped((1, 0, 2), (4, 49, 16), (49, 64)) is None  # Heads lie apart.
    assert regrouped((0, 1), (6, 4), (4, 6)) == (0, 1)  # In the file's own order all fits.
    assert regrouped((1, 0), (6, 4), (4, 6)) is None


@settings(max_examples=50)
@given(st.data())
def test_the_graphs_integers_are_the_same_ones(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=4, max_size=4))

    def grouped() -> tuple[int, ...]:
        cuts = sorted(data.draw(st.sets(st.integers(1, 3))))
        ends = [0, *cuts, 4]
        return tuple(prod(sizes[a:b]) for a, b in pairwise(ends))

    before, after = grouped(), grouped()
    layout = tuple(data.draw(st.permutations(range(len(before)))))
    found = regrouped(layout, before, after)
    if found is None:
        return
    x = np.arange(prod(sizes)).reshape(before)
    held = to_graph(x[None], before, layout)
    moved = held.reshape(graph_shape(after, found))
    assert np.array_equal(to_file(moved, after, found), x.reshape(after))
