"""Hypothesis profiles, and the list of skips that a complete run may have."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import HealthCheck, settings

# Derandomised, so that a failure in CI is a failure here.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ci")

EXPECTED_SKIPS = (
    r"qemu-system-\w+ is not installed",
    r"cmake is not installed",
)
"""Reasons for which CI accepts a skipped test: programs that a fresh machine need not have."""


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skip for any other reason fails the run: a lane must not vanish unnoticed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("CI") or reporter is None:
        return
    for report in reporter.stats.get("skipped", []):
        reason = str(report.longrepr[-1]) if isinstance(report.longrepr, tuple) else ""
        if not any(re.search(pattern, reason) for pattern in EXPECTED_SKIPS):
            reporter.write_line(f"unexpected skip: {report.nodeid}: {reason}", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
