"""A runtime that is near and not exact: what differs is counted, and by how much."""

from __future__ import annotations

import numpy as np
import pytest

from hwkit.errors import DeviceError, ToolMissing
from hwkit.flow.verify import verify
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, Padding, Reshape
from hwkit.ir.types import S8, Quantization
from hwkit.targets.edge.loaded import Loaded, package_version
from tests.targets.edge.networks import rescale, residual

BOARD = "host_openvino"


@pytest.fixture(autouse=True)
def installed() -> None:
    try:
        package_version("openvino")
    except ToolMissing as missing:
        pytest.skip(str(missing))


def _chain() -> Graph:
    """Weighted sums alone, of which it makes XNNPACK's integers."""
    rng = np.random.default_rng(3)
    b = GraphBuilder("chain")
    b.input("x", (8, 8, 3), S8, Quantization((0.02,), -5))
    b.constant("w1", rng.integers(-127, 128, (6, 3, 3, 3)), S8)
    r1 = rescale(rng.uniform(0.001, 0.003, 6), 3, 3)
    conv = Conv2d("conv", "x", "w1", None, "c", padding=Padding(1, 1, 1, 1), rescale=r1,
                  input_zero_point=-5)  # fmt: skip
    b.add(conv, S8, Quantization((0.05,), 3))
    b.add(Reshape("flat", "c", "f"), S8, Quantization((0.05,), 3), (384,))
    b.constant("w2", rng.integers(-127, 128, (5, 384)), S8)
    b.add(Dense("dense", "f", "w2", None, "y", 3, rescale=rescale([0.001], 2)), S8)
    return b.build(["y"])


def test_weighted_sums_are_exact() -> None:
    found = verify(_chain(), BOARD, samples=8)
    assert found.exact and found.integers > 800 and found.largest == 0


def test_the_bound_is_measured() -> None:
    """Beside a sum of two maps some integers may be off; never by much here, and it is said."""
    found = verify(residual(), BOARD, samples=16)
    assert (found.largest == 0) == found.exact
    assert found.largest <= 3 and found.differing < found.integers / 20


def test_what_it_refuses_is_one_line() -> None:
    with pytest.raises(DeviceError, match="OpenVINO refuses a model that hwkit wrote: ") as said:
        Loaded("openvino", b"no model")
    assert "\n" not in str(said.value) and "Exception from" not in str(said.value)
