"""Native runtimes in supervised children: what a model does to its runtime, hwkit survives.

Models that hwkit wrote share one child per process; a file of the user's gets a child of its own,
so that what it breaks there breaks nothing else.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from hwkit.errors import DeviceError
from hwkit.ir.types import Array
from hwkit.targets.edge import runtime as runtimes
from hwkit.targets.edge.child import read_arrays, write_arrays
from hwkit.toolchain import isolated
from hwkit.toolchain.cache import cache_folder

CHILD = Path(__file__).with_name("child.py")
INFERENCE_LIMIT_S = 60.0
"""Longest that loading, or one inference, may take."""
_KEPT_MODELS = 16
_LAST_WORDS_S = 5.0
"""How long a child that closed its pipe may take to end, a core dump included."""
_TRACE = "Fatal Python error"
"""What Python prints below the last words of native code."""
_CHATTER = "INFO"
_LONGEST_LINE_BYTES = 16 << 20
_SAID_CHARACTERS = 200


_ANSWERS = {"load": "facts", "run": "outputs", "time": "ns"}
"""What the answer to each request has."""


class Refused(DeviceError):
    """A runtime says no to a model or an input, and lives on."""


class Child:
    """One process that runs models; started on the first request and again after a death.

    ``what`` names the file or the models that it serves, for messages; ``python`` is what runs it
    and ``paths`` are where that finds packages, by default those of this process.
    """

    def __init__(
        self, what: str, paths: Sequence[str] | None = None, python: str = sys.executable
    ) -> None:
        self.what = what
        self._paths = sys.path if paths is None else paths
        self._python = python
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path(os.devnull)
        self._printed = 0
        self._unread = b""
        self._models: list[str] = []

    def ask(
        self,
        request: Mapping[str, Any],
        model: bytes,
        inputs: Sequence[Array] = (),
        limit_s: float | None = None,
    ) -> tuple[dict[str, Any], list[Array]]:
        """The answer to ``request`` about ``model``, and its arrays.

        ``Refused`` when the runtime says no; ``DeviceError``, naming the log, when the child dies,
        takes longer than ``limit_s`` (default ``INFERENCE_LIMIT_S``) for one inference, or answers
        what is no answer.
        """
        limit = INFERENCE_LIMIT_S if limit_s is None else limit_s
        with self._lock:
            folder = self._started()
            name = self._written(folder, model)
            described = write_arrays(folder, "input", inputs)
            self._printed = len(self._log_bytes())
            line = json.dumps({**request, "model": name, "inputs": described, "limit_s": limit})
            runtime = str(request["runtime"])
            try:
                answer = self._answer(line, limit, runtime)
                if _ANSWERS[request["do"]] not in answer:
                    raise self._died(runtime, f"answered rubbish ({sorted(answer)})")
                return answer, read_arrays(folder, "output", answer.get("outputs", []))
            except Refused:
                raise
            except (OSError, ValueError, TypeError) as error:
                raise self._died(runtime, f"answered rubbish ({error})") from error
            except BaseException:
                self.close()  # An interrupted child would answer the next request with this one's.
                raise

    def close(self) -> None:
        """Ends the process; another request starts a new one."""
        if self._process is not None:
            self._end()
            self._log.unlink(missing_ok=True)

    def _started(self) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="hwkit-")
        if self._process is None:
            handle, name = tempfile.mkstemp(".log", "runtime-", cache_folder("logs"))
            self._log, self._unread = Path(name), b""
            with os.fdopen(handle, "wb") as log:
                self._process = subprocess.Popen(
                    [self._python, "-P", str(CHILD), self._folder.name],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in self._paths if p)},
                    bufsize=0,
                    start_new_session=True,
                )
            self._stop = weakref.finalize(self, _stopped, self._process, self._log, os.getpid())
        return Path(self._folder.name)

    def _written(self, folder: Path, model: bytes) -> str:
        """Name of the model's file, written unless it is one of the last few."""
        name = hashlib.sha256(model).hexdigest()
        if name not in self._models:
            (folder / name).write_bytes(model)
            self._models.append(name)
        if len(self._models) > _KEPT_MODELS:
            (folder / self._models.pop(0)).unlink()
        return name

    def _answer(self, line: str, limit_s: float, runtime: str) -> dict[str, Any]:
        assert self._process is not None and self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except BrokenPipeError:
            raise self._died(runtime, None) from None
        while True:
            try:
                answer = json.loads(self._line(limit_s, runtime))
            except ValueError as error:
                raise self._died(runtime, f"answered rubbish ({error})") from error
            if not isinstance(answer, dict):
                raise self._died(runtime, f"answered rubbish ({str(answer)[:_SAID_CHARACTERS]})")
            if "refused" in answer:
                said = f"{answer['refused']}{self._last_words()}"
                raise Refused(f"{runtimes.get(runtime).title} refuses {self.what}: {said}")
            if answer:
                return answer

    def _line(self, limit_s: float, runtime: str) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        end = monotonic() + limit_s
        while b"\n" not in self._unread:
            ready, _, _ = select.select([self._process.stdout], [], [], max(end - monotonic(), 0))
            if not ready:
                raise self._died(runtime, f"took longer than {limit_s:g} s")
            more = os.read(self._process.stdout.fileno(), 1 << 16)
            self._unread += more
            if not more:
                raise self._died(runtime, None)
            if len(self._unread) > _LONGEST_LINE_BYTES:
                raise self._died(runtime, "answered without end")
        line, self._unread = self._unread.split(b"\n", 1)
        return line

    def _died(self, runtime: str, how: str | None) -> DeviceError:
        """Ends the child and says what became of it; ``how`` is None where it went by itself."""
        code = self._end(wait_s=0.0 if how else _LAST_WORDS_S)
        if how is None:
            how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return DeviceError(
            f"{runtimes.get(runtime).title} {how} on {self.what}{self._last_words()}; "
            f"what it printed is in {self._log}"
        )

    def _last_words(self) -> str:
        """The last line that this request made the runtime print, in parentheses."""
        printed = self._log_bytes()[self._printed :].decode(errors="replace")
        lines = [
            line
            for line in printed.partition(_TRACE)[0].splitlines()
            if line.strip() and not line.startswith(_CHATTER)
        ]
        return f" ({lines[-1].strip()[:_SAID_CHARACTERS]})" if lines else ""

    def _log_bytes(self) -> bytes:
        return self._log.read_bytes() if self._log.exists() else b""  # Caches are cleaned.

    def _end(self, wait_s: float = 0.0) -> int:
        """Stops the process, after ``wait_s`` to go by itself; its exit code, or minus the signal
        that ended it."""
        process, self._process = self._process, None
        assert process is not None
        self._stop.detach()
        with process:
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            return process.wait()


def _stopped(process: subprocess.Popen[bytes], log: Path, owner: int) -> None:
    """The end of a child that nobody needs any more; a fork of ``owner`` leaves it alone."""
    if os.getpid() == owner:
        with process:
            process.kill()
        log.unlink(missing_ok=True)


def new_child(runtime: str, what: str) -> Child:
    """A process of its own in which the runtime called ``runtime`` is found; ``ToolMissing`` where
    its environment is not installed."""
    environment = runtimes.get(runtime).environment
    if not environment:
        return Child(what)
    return Child(what, (), str(isolated.get(environment).python))


_shared: dict[tuple[int, str], Child] = {}


def shared_child(runtime: str) -> Child:
    """The child of this process for models that hwkit itself wrote, one for each environment that
    runtimes live in; a fork gets its own."""
    place = os.getpid(), runtimes.get(runtime).environment
    if place not in _shared:
        _shared[place] = new_child(runtime, "a model that hwkit wrote")
    return _shared[place]
