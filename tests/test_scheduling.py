"""Tests that share what they compile stay in one process."""

from __future__ import annotations

import pytest

from tests.scheduling import unit

KERNELS = "tests/firmware/kernels"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("tests/ir/test_arith.py::test_one[2-x]", "tests/ir/test_arith.py"),
        (f"{KERNELS}/test_kernels.py::test_kernel_equals_interpreter[ref-add]", "kernels"),
        (f"{KERNELS}/test_broadcast.py::test_constant[ref]", "kernels"),
        (f"{KERNELS}/test_softmax_parts.py::test_high_product", f"{KERNELS}/test_softmax_parts.py"),
        ("tests/firmware/cores/test_kernels.py::test_k[virtual_m0-add]", "kernels"),
        ("tests/targets/rtl/test_elaborated.py::test_x[a]", "yosys"),
        ("tests/targets/finn/test_ports.py::test_x", "finn"),
        (
            "tests/conformance/test_targets.py::test_x[a]",
            "tests/conformance/test_targets.py::test_x[a]",
        ),
    ],
)
def test_unit(test: str, expected: str) -> None:
    assert unit(test) == expected
