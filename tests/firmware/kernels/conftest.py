"""One compilation and one process for each variant, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.firmware.kernels.driver import VARIANTS, Driver, compile_driver


@pytest.fixture(scope="session", params=sorted(VARIANTS))
def driver(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Driver]:
    variant = str(request.param)
    path = compile_driver(variant, tmp_path_factory.mktemp(f"kernels_{variant}"))
    with Driver(variant, path) as running:
        yield running
