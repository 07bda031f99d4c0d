"""Which tests run side by side: those of a file in one process, one after the other, because they
share what they compile; but files whose tests share nothing are taken test by test, and kernels
of all cores compute the same examples, which are drawn once."""

from __future__ import annotations

import re

from xdist.scheduler import LoadScopeScheduling

APART = (
    "tests/conformance/test_targets.py",
    "tests/importers/tflite/test_on_boards.py",
)
_KERNELS = re.compile(r"^tests/firmware/(kernels|mve|cores)/test_(kernels|broadcast|\w+16)\.py::")


def unit(test: str) -> str:
    """What must not be torn apart, by the name of a test.

    Example: ``tests/a/test_b.py::test_c[1]`` gives ``tests/a/test_b.py``.
    """
    if _KERNELS.match(test):
        return "kernels"
    file = test.partition("::")[0]
    return test if file in APART else file


class Units(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Gives whole units to processes as they come free, the largest first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
