"""Every kernel in its packed form against the interpreter, integer by integer."""

from __future__ import annotations

import pytest

from tests.firmware.kernels.driver import Driver
from tests.firmware.kernels.packed_cases import EXAMPLES, Packed


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_packed_form_equals_interpreter(driver: Driver, name: str) -> None:
    EXAMPLES[name].check(Packed(driver))
