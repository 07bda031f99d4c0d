"""Work side by side in other processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hwkit.errors import ConfigError
from hwkit.flow.search.workers import Workers
from hwkit.flow.tuning.steps import Steps


def product(one: int, other: int) -> tuple[int, int]:
    return one * other, os.getpid()


def ends(number: int) -> None:
    os._exit(number)


def refuses(number: int) -> None:
    raise ConfigError(f"not {number}")


def test_results_come_in_order_and_errors_come_back(tmp_path: Path) -> None:
    with Workers(Steps(tmp_path), 2) as workers:
        found = workers.results(product, [(2, 3), (4, 5), (6, 7)])
        assert [value for value, _ in found] == [6, 20, 42]
        assert os.getpid() not in {process for _, process in found}
        with pytest.raises(ConfigError, match="not 7"):
            workers.results(refuses, [(7,)])
        with pytest.raises(ConfigError, match="was ended from outside"):
            workers.results(ends, [(3,)])
