"""Runs tests in a child process that has the slow imports behind it already."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_HEAVY = (
    "numpy",
    "pytest",
    "hypothesis",
    "hypothesis.strategies",
    "hypothesis.internal.conjecture.engine",
    "onnx",
    "scipy.optimize",
    "flatbuffers",
    "ai_edge_litert.interpreter",
    "onnxruntime",
    "unicorn",
    "elftools.elf.elffile",
    "click",
)
_NOTHING_RAN = 70
"""Our exit code for skips alone."""
_FAILED = (1, 2)
"""Exit codes of pytest: a test failed, a file of tests could not be imported."""
_CRASHES = ("SIGXCPU", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL", "SIGTRAP")
"""Signals that a fault may end in. Others come from outside: no verdict."""
LIMIT_S = 60
"""Seconds of processor time for tests whose time is not known."""
_WALL = 20
"""Seconds of waiting for each second of work."""


@dataclass(frozen=True, slots=True)
class Trial:
    """``passed`` is None without a verdict: nothing ran, or something from outside ended it.
    ``cpu_s`` are seconds of processor time, of all processes together."""

    passed: bool | None
    cpu_s: float


def preload() -> None:
    """Imports what tests import, but nothing of hwkit: that is where the faults are."""
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    for name in _HEAVY:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    profile()


def profile() -> None:
    """Registers how Hypothesis runs in a trial."""
    from hypothesis import HealthCheck, Phase, settings

    # As in CI, but a failure is enough: it need not be made smaller.
    settings.register_profile(
        "mutants",
        derandomize=True,
        deadline=None,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


class _Counted:
    """A plugin that counts tests that ran to their end."""

    def __init__(self) -> None:
        self.ran = 0

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call" and report.outcome != "skipped":
            self.ran += 1


def run(
    root: Path,
    selection: Sequence[str],
    log: Path,
    limit_s: float = LIMIT_S,
    plugins: Sequence[object] = (),
) -> Trial:
    """How the tests end in the tree ``root``, until one fails.

    Their process, and each that it starts, has ``limit_s`` of processor time; one that takes more
    has failed. So a busy machine kills no mutant: waiting too long gives no verdict.
    """
    child = os.fork()
    if child == 0:
        _in_child(root, selection, log, int(limit_s), plugins)
    end = time.monotonic() + _WALL * limit_s
    while time.monotonic() < end:
        done, status, used = os.wait4(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            return Trial(_verdict(code), used.ru_utime + used.ru_stime)
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    _, _, used = os.wait4(child, 0)
    return Trial(None, used.ru_utime + used.ru_stime)


def _verdict(code: int) -> bool | None:
    if code == 0:
        return True
    crashed = code < 0 and signal.Signals(-code).name in _CRASHES
    return False if crashed or code in _FAILED else None


def _in_child(
    root: Path, selection: Sequence[str], log: Path, limit_s: int, plugins: Sequence[object]
) -> None:
    import pytest

    os.setsid()
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(root)
    sys.path[:] = [str(root), *(p for p in sys.path if p)]
    os.environ["PYTHONPATH"] = str(root)
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # The harder limit would end it by SIGKILL, as whoever is short of memory does.
    resource.setrlimit(resource.RLIMIT_CPU, (limit_s, limit_s + 5))
    for name in [n for n in sys.modules if n.split(".")[0] in ("benchmarks", "hwkit", "tests")]:
        del sys.modules[name]
    counted = _Counted()
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", "--hypothesis-profile=mutants"]
    code = 3
    try:
        code = int(pytest.main([*options, *selection], plugins=[counted, *plugins]))
        if code == 0 and counted.ran == 0:
            code = _NOTHING_RAN
        sys.stdout.flush()
    finally:
        os._exit(code)  # whatever happens: behind this lies the parent's work
