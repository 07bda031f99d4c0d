"""Rows of weights in groups, as kernels that multiply several at once read them."""

from __future__ import annotations

import numpy as np

from hwkit.targets.mcu.kernels import Kernel
from hwkit.targets.mcu.layers import calls
from hwkit.targets.mcu.layouts import laid_out
from hwkit.targets.mcu.structs import Table
from hwkit.targets.mcu.weights import group_rows
from tests.targets.mcu.models import residual


def test_a_group_has_a_word_of_each_row_in_turn() -> None:
    rows = np.arange(24, dtype=np.int8).reshape(3, 8)
    assert group_rows(rows, 2).tolist() == [
        [0, 1, 2, 3, 8, 9, 10, 11, 4, 5, 6, 7, 12, 13, 14, 15],
        [16, 17, 18, 19, 0, 0, 0, 0, 20, 21, 22, 23, 0, 0, 0, 0],
    ]
    assert np.array_equal(group_rows(rows, 1), rows)


def test_only_variants_that_want_groups_get_them() -> None:
    graph = residual()
    (call,) = calls(graph, graph.nodes[-1])
    before = call.descriptor.fields["weights"]
    assert laid_out(call, Kernel("dense_s8", "dense", 1, "ref").row.layout) is call
    after = laid_out(call, Kernel("dense_s8", "dense", 1, "dsp").row.layout).descriptor.fields[
        "weights"
    ]
    assert isinstance(before, Table) and isinstance(after, Table)
    assert (before.values.shape, after.values.shape) == ((5, 32), (2, 128))
