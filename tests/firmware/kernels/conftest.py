"""One compilation and one process for each variant, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firmware.kernels.driver import VARIANTS, Driver, compile_driver

_PARAMS = [
    pytest.param(name, marks=[] if name == "ref" else pytest.mark.slow) for name in sorted(VARIANTS)
]


@pytest.fixture(scope="session", params=_PARAMS)
def driver(request: pytest.FixtureRequest) -> Iterator[Driver]:
    variant = str(request.param)
    with Driver(variant, compile_driver(variant)) as running:
        yield running
