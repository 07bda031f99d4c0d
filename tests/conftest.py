"""Hypothesis profiles and examples, how tests are spread over processes, which are slow, and what a
run says and does about tests that were skipped."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

from tests import examples, listed, skips

# Processes share the cores already, and threads that wait for each other take time of both. Before
# anything imports numpy or torch; what is started from here inherits it.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

# Measurements of tests are nobody's: neither are they kept, nor is what somebody kept looked at.
_measurements = tempfile.TemporaryDirectory(prefix="hwkit-measurements-")
os.environ["HWKIT_STORE"] = str(Path(_measurements.name) / "measurements.sqlite")

# Derandomised, so that a failure in CI is a failure here.
settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("ci")

# Hypothesis also draws constants of the modules loaded so far: a test's examples would then
# depend on the tests that ran before it, and on how files are spread over processes.
providers._get_local_constants = lambda: providers._local_constants


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--complete",
        action="store_true",
        help=f"fail when a test is skipped that {skips.LIST.name} does not list (in CI always)",
    )
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what the targets emit into tests/golden, to be looked at and committed",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)  # before -m leaves tests out, and after
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> Generator[None, None, None]:
    for mark in listed.MARKS:
        names = listed.listed(mark)
        for item in items:
            if listed.is_among(item.nodeid, names):
                item.add_marker(mark)
    for test in {getattr(item, "obj", None) for item in items}:
        examples.with_more(test)
    yield
    if hasattr(config, "workerinput"):  # one of several processes
        from tests.scheduling import longest_first

        longest_first(items)


def pytest_collection_finish() -> None:
    # Modules and tests stay until the end: the collector need not look at them again and again.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    from tests.scheduling import Units

    return Units(config, log)


def _skipped(config: pytest.Config) -> list[skips.Skip]:
    # The processes of a parallel run report to the one that has the terminal.
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return [] if reporter is None else skips.skipped(reporter.stats.get("skipped", []))


def pytest_sessionfinish(session: pytest.Session) -> None:
    complete = session.config.getoption("complete") or os.environ.get("CI")
    if complete and skips.unexpected(_skipped(session.config), skips.expected()):
        session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)  # after what the others print
def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> Generator[None, None, None]:
    yield
    found = _skipped(config)
    for skip in skips.unexpected(found, skips.expected()):
        terminalreporter.write_line(f"unexpected skip: {skip.test}: {skip.reason}", red=True)
    terminalreporter.write_line(skips.summary(found))
