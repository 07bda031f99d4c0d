"""Each trait has exactly the ops that have its fields: a new op can't be forgotten."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from hwkit.ir.ops import Op
from hwkit.ir.traits import Accumulating, Binary, Weighted, Windowed


@pytest.mark.parametrize(
    ("trait", "names"),
    [
        (Weighted, {"weight", "bias", "input_zero_point"}),
        (Binary, {"inputs", "input_zero_points"}),
        (Accumulating, {"accumulator_bits", "rescale"}),
        (Windowed, {"stride", "padding"}),
    ],
)
def test_a_trait_has_the_ops_with_its_fields(trait: object, names: set[str]) -> None:
    with_fields = {op for op in get_args(Op) if names <= {field.name for field in fields(op)}}
    assert set(get_args(trait)) == with_fields
