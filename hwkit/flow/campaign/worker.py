"""The campaign's side of a child: starts it, reads it, and ends it when its time is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hwkit.errors import HwkitError
from hwkit.flow.campaign.child import Order
from hwkit.profile import measurement
from hwkit.profile.measurement import Measurement
from hwkit.profile.store.measurements import Exactness

_SHORTEST_NEWS = 300
"""Characters of a child's last words that are passed on."""


class CellRefused(HwkitError):
    """The board cannot run this network; trying again would not change that."""


class CellFailed(HwkitError):
    """Something broke that may work the next time."""


class Workers:
    """Children that are alive; ``stop`` ends them all."""

    def __init__(self) -> None:
        self._alive: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Ends every child, and lets no other start."""
        with self._lock:
            self._stopped = True
            for process in self._alive:
                _kill(process)

    def run(
        self,
        order: Order,
        log: Path,
        timeout_s: float,
        board_is_free: Callable[[], AbstractContextManager[object]],
        row: Callable[[Measurement, Exactness | None], None],
    ) -> None:
        """Carries out ``order`` in a child, calls ``row`` for each measurement as it comes, and
        measures only while it holds ``board_is_free``.

        ``CellRefused`` or ``CellFailed`` otherwise; rows that came before are not lost. The time
        counts without the wait for the board.
        """
        with self._started(log) as process, _Deadline(process, timeout_s) as deadline:
            _send(process, json.dumps(asdict(order)))
            self._expect_built(process, deadline, log)
            deadline.pause()
            with board_is_free():
                deadline.go_on()
                _send(process, "go")
                self._take_rows(process, deadline, log, order.rows, row)

    @contextmanager
    def _started(self, log: Path) -> Iterator[subprocess.Popen[str]]:
        with log.open("wb") as stream, self._lock:
            if self._stopped:
                raise CellFailed("the campaign was stopped")
            process = subprocess.Popen(
                [sys.executable, "-m", "hwkit.flow.campaign.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
            )
            self._alive.add(process)
        try:
            with process:
                try:
                    yield process
                finally:
                    _kill(process)
        finally:
            with self._lock:
                self._alive.discard(process)

    def _expect_built(self, process: subprocess.Popen[str], deadline: _Deadline, log: Path) -> None:
        if "built" not in _next(process, deadline, log):
            raise CellFailed(f"a child said something else than asked; see {log}")

    def _take_rows(
        self,
        process: subprocess.Popen[str],
        deadline: _Deadline,
        log: Path,
        rows: int,
        row: Callable[[Measurement, Exactness | None], None],
    ) -> None:
        exactness = None
        while rows:
            said = _next(process, deadline, log)
            if "exactness" in said:
                exactness = Exactness(**said["exactness"])
            else:
                row(measurement.parse(said["measurement"], str(log)), exactness)
                rows -= 1


class _Deadline:
    """Kills a child when its time is up."""

    def __init__(self, process: subprocess.Popen[str], timeout_s: float) -> None:
        self.timeout_s = timeout_s
        self.passed = False
        self._process = process
        self._timer: threading.Timer | None = None

    def __enter__(self) -> _Deadline:
        self.go_on()
        return self

    def __exit__(self, *_: object) -> None:
        self.pause()

    def go_on(self) -> None:
        self._timer = threading.Timer(self.timeout_s, self._pass)
        self._timer.daemon = True
        self._timer.start()

    def pause(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _pass(self) -> None:
        self.passed = True
        _kill(self._process)


def _next(process: subprocess.Popen[str], deadline: _Deadline, log: Path) -> Mapping[str, Any]:
    """What a child says next; raises what it says of its end."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith("\n"):
        if deadline.passed:
            raise CellFailed(f"took longer than {deadline.timeout_s:g} s and was stopped")
        code = process.wait()
        news = log.read_text(errors="replace").strip().rpartition("\n")[2][-_SHORTEST_NEWS:]
        raise CellFailed(f"its process ended with {code} ({news or 'without a word'}); see {log}")
    said: Mapping[str, Any] = json.loads(line)
    if "error" in said:
        raise (CellRefused if said["refused"] else CellFailed)(said["error"])
    return said


def _send(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # it has ended: reading says how
        process.stdin.write(line + "\n")
        process.stdin.flush()


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
