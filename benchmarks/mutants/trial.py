"""Runs tests in a child process that has the slow imports behind it already."""

from __future__ import annotations

import importlib
import os
import resource
import signal
import sys
import time
from collections.abc import Sequence
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
_NO_VERDICT = (4, 5, _NOTHING_RAN)
"""Exit codes: pytest's for a wrong call and for no tests, and ours for skips alone."""
LIMIT_S = 60
_WALL = 10
"""Seconds of waiting for each second of work."""


def preload() -> None:
    """Imports what tests import, but nothing of hwkit: that is where the faults are."""
    os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    for name in _HEAVY:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
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


def passes(root: Path, selection: Sequence[str], log: Path) -> bool | None:
    """Whether the tests pass in the tree ``root``; None when they take much too long.

    They have ``LIMIT_S`` of processor time, so that a busy machine kills no mutant; each program
    that a test starts has as much.

    ``RuntimeError`` when pytest can't run them or runs none.
    """
    child = os.fork()
    if child == 0:
        _in_child(root, selection, log)
    end = time.monotonic() + _WALL * LIMIT_S
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            code = os.waitstatus_to_exitcode(status)
            if code in _NO_VERDICT:
                raise RuntimeError(f"tests {' '.join(selection)} do not run: see {log}")
            return code == 0
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _in_child(root: Path, selection: Sequence[str], log: Path) -> None:
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
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    for name in [n for n in sys.modules if n.split(".")[0] in ("benchmarks", "hwkit", "tests")]:
        del sys.modules[name]
    counted = _Counted()
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=short", "--hypothesis-profile=mutants"]
    code = 1
    try:
        code = int(pytest.main([*options, *selection], plugins=[counted]))
        if code == 0 and counted.ran == 0:
            code = _NOTHING_RAN
        sys.stdout.flush()
    finally:
        os._exit(code)  # whatever happens: behind this lies the parent's work
