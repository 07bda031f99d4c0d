"""Which tests run side by side: those of a file in one process, one after the other, because they
share what they compile; but files whose tests share nothing are taken test by test, and files are
one unit where what they draw, install or compile at first use serves all of them."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from xdist.scheduler import LoadScopeScheduling

APART = (
    "tests/conformance/test_targets.py",
    "tests/importers/tflite/test_on_boards.py",
)
TOGETHER = {
    # Kernels of all cores compute the same examples.
    "kernels": r"tests/firmware/((kernels|mve|cores)/test_(kernels|broadcast|\w+16)"
    r"|cores/test_stages)\.py::",
    # PyPI's Yosys is WebAssembly, which a new cache folder costs a minute to translate.
    "yosys": r"tests/targets/rtl/test_(bitstream|elaborated|self_contained)\.py::",
    # FINN is installed into a folder of the process.
    "finn": r"tests/targets/finn/",
}


def unit(test: str) -> str:
    """What must not be torn apart, by the name of a test.

    Example: ``tests/a/test_b.py::test_c[1]`` gives ``tests/a/test_b.py``.
    """
    for name, pattern in TOGETHER.items():
        if re.match(pattern, test):
            return name
    file = test.partition("::")[0]
    return test if file in APART else file


SLOW_COUNTS = 20
"""A slow test takes the time of so many others: seconds instead of tenths of one."""


def longest_first(items: list[pytest.Item]) -> None:
    """Orders tests by unit, those that take long before the others, so that no process is left
    with a long one when the others have ended."""
    weight: Counter[str] = Counter()
    for item in items:
        weight[unit(item.nodeid)] += SLOW_COUNTS if item.get_closest_marker("slow") else 1
    items.sort(key=lambda item: -weight[unit(item.nodeid)])


class Units(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives whole units to processes as they come free, in the order of ``longest_first``."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
