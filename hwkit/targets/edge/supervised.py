"""Native runtimes in supervised children: what a model does to its runtime, hwkit survives.

Models that hwkit wrote share one child per process; a file of the user's gets a child of its own,
so that what it breaks there breaks nothing else. Where a board is another machine its children run
there, at the other end of ``link.py``.
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

from hwkit.boards import EdgeBoard, EdgeLink
from hwkit.errors import DeviceError
from hwkit.ir.types import Array
from hwkit.targets.edge import runtime as runtimes
from hwkit.targets.edge.child import KEPT_FILES, packed, unpacked
from hwkit.targets.edge.link import command, first_lines, lost
from hwkit.targets.edge.sent import START
from hwkit.toolchain import isolated
from hwkit.toolchain.cache import cache_folder

INFERENCE_LIMIT_S = 60.0
"""Longest that loading, or one inference, may take."""
_START_LIMIT_S = 60.0
"""Longest that a start may take, a connection included."""
_LAST_WORDS_S = 5.0
"""How long a child that closed its pipe may take to end, a core dump included."""
_TRACE = "Fatal Python error"
"""What Python prints below the last words of native code."""
_CHATTER = "INFO"
_LONGEST_LINE_BYTES = 16 << 20
_CHUNK_BYTES = 1 << 18
_SAID_CHARACTERS = 200


_ANSWERS = {"load": "facts", "run": "outputs", "time": "ns", "about": "about"}
"""What the answer to each request has."""


class Refused(DeviceError):
    """A runtime says no to a model or an input, and lives on."""


class Child:
    """One process that runs models; started on the first request and again after a death.

    ``what`` names the file or the models that it serves, for messages; ``python`` is what runs it
    and ``paths`` are where that finds packages, by default those of this process. With ``link`` it
    runs on another machine, with the Python that is named there. ``cpus`` are those it is kept to;
    ``shared`` that it does not end with one of its models.
    """

    def __init__(
        self,
        what: str,
        paths: Sequence[str] | None = None,
        python: str = sys.executable,
        link: EdgeLink | None = None,
        cpus: Sequence[int] = (),
    ) -> None:
        self.what = what
        self.link = link
        self.shared = False
        self._paths = sys.path if paths is None else paths
        self._python = python
        self._cpus = tuple(cpus)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = Path(os.devnull)
        self._printed = 0
        self._unread = bytearray()
        self._known: list[str] = []

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
            runtime = str(request["runtime"])
            try:
                self._started(runtime)
                self._printed = len(self._log_bytes())
                self._send(request, model, inputs, limit, runtime)
                answer = self._answer(limit, runtime)
                if _ANSWERS[request["do"]] not in answer:
                    raise self._died(runtime, f"answered rubbish ({sorted(answer)})")
                return answer, self._arrays(answer, limit, runtime)
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

    def _started(self, runtime: str) -> None:
        if self._process is not None:
            return
        handle, name = tempfile.mkstemp(".log", "runtime-", cache_folder("logs"))
        self._log, self._unread, self._known, self._printed = Path(name), bytearray(), [], 0
        paths = {"PYTHONPATH": os.pathsep.join(p for p in self._paths if p)}
        with os.fdopen(handle, "wb") as log:
            self._process = subprocess.Popen(
                [self._python, "-c", START] if self.link is None else command(self.link),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **({} if self.link else paths)},
                bufsize=0,
                start_new_session=True,
            )
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        self._stop = weakref.finalize(self, _stopped, self._process, self._log, os.getpid())
        self._write(first_lines(self._cpus, self.link), _START_LIMIT_S, runtime)
        try:
            self._answer(_START_LIMIT_S, runtime)
        except Refused:
            self.close()
            raise

    def _send(
        self,
        request: Mapping[str, Any],
        model: bytes,
        inputs: Sequence[Array],
        limit_s: float,
        runtime: str,
    ) -> None:
        """A request and what belongs to it; the model's bytes unless they are known there."""
        name = hashlib.sha256(model).hexdigest()
        described, data = packed(inputs)
        if name in self._known:
            model = b""
        elif model:
            self._known = [*self._known, name][-KEPT_FILES:]
        line = {**request, "model": name, "model_bytes": len(model), "inputs": described}
        line |= {"limit_s": limit_s, "bytes": len(model) + len(data)}
        self._write(json.dumps(line).encode() + b"\n" + model + data, limit_s, runtime)

    def _write(self, data: bytes, limit_s: float, runtime: str) -> None:
        """Writes all of ``data``, of which some must go every ``limit_s``."""
        assert self._process is not None and self._process.stdin is not None
        handle, rest = self._process.stdin.fileno(), memoryview(data)
        while rest:
            if not select.select([], [handle], [], limit_s)[1]:
                raise self._died(runtime, f"took nothing for {limit_s:g} s")
            try:
                rest = rest[os.write(handle, rest[:_CHUNK_BYTES]) :]
            except BrokenPipeError:
                raise self._died(runtime, None) from None

    def _answer(self, limit_s: float, runtime: str) -> dict[str, Any]:
        while True:
            try:
                answer = json.loads(self._line(limit_s, runtime))
            except ValueError as error:
                raise self._died(runtime, f"answered rubbish ({error})") from error
            if not isinstance(answer, dict):
                raise self._died(runtime, f"answered rubbish ({str(answer)[:_SAID_CHARACTERS]})")
            if "refused" in answer:
                said = f"{answer['refused']}{self._last_words()}"
                raise Refused(f"{self._title(runtime)} refuses {self.what}: {said}")
            if answer:
                return answer

    def _arrays(self, answer: dict[str, Any], limit_s: float, runtime: str) -> list[Array]:
        if "outputs" not in answer:
            return []
        if not isinstance(answer.get("bytes"), int):
            raise self._died(runtime, "answered rubbish (arrays without a length)")
        size = answer["bytes"]
        while len(self._unread) < size:
            self._more(monotonic() + limit_s, limit_s, runtime)
        data, self._unread = bytes(self._unread[:size]), self._unread[size:]
        return unpacked(answer["outputs"], data)

    def _title(self, runtime: str) -> str:
        where = "" if self.link is None else f" on {self.link.host}"
        return f"{runtimes.get(runtime).title}{where}"

    def _line(self, limit_s: float, runtime: str) -> bytes:
        end = monotonic() + limit_s
        while (place := self._unread.find(b"\n")) < 0:
            self._more(end, limit_s, runtime)
            if len(self._unread) > _LONGEST_LINE_BYTES:
                raise self._died(runtime, "answered without end")
        line, self._unread = bytes(self._unread[:place]), self._unread[place + 1 :]
        return line

    def _more(self, end: float, limit_s: float, runtime: str) -> None:
        """Reads what comes until ``end``, a time of ``monotonic``."""
        assert self._process is not None and self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], max(end - monotonic(), 0))
        if not ready:
            raise self._died(runtime, f"took longer than {limit_s:g} s")
        more = os.read(self._process.stdout.fileno(), _CHUNK_BYTES)
        if not more:
            raise self._died(runtime, None)
        self._unread += more

    def _died(self, runtime: str, how: str | None) -> DeviceError:
        """Ends the child and says what became of it; ``how`` is None where it went by itself."""
        code = self._end(wait_s=0.0 if how else _LAST_WORDS_S)
        if how is None and self.link is not None:
            said = f"{lost(self.link, code)}{self._last_words()}"
            return DeviceError(f"{said}; what it printed is in {self._log}")
        if how is None:
            how = f"died of {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return DeviceError(
            f"{self._title(runtime)} {how} on {self.what}{self._last_words()}; "
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


def new_child(runtime: str, what: str, board: EdgeBoard | None = None) -> Child:
    """A process of its own in which the runtime called ``runtime`` is found, where ``board`` says
    (default: here); ``ToolMissing`` where its environment is not installed."""
    link, cpus = (None, ()) if board is None else (board.link, board.cpus)
    environment = runtimes.get(runtime).environment
    if link is not None or not environment:
        return Child(what, link=link, cpus=cpus)
    return Child(what, (), str(isolated.get(environment).python), cpus=cpus)


_Place = tuple[int, str, EdgeLink | None, tuple[int, ...]]
_shared: dict[_Place, Child] = {}


def shared_child(runtime: str, board: EdgeBoard | None = None) -> Child:
    """The child of this process for models that hwkit itself wrote, one for each environment,
    machine and choice of CPUs; a fork gets its own."""
    link, cpus = (None, ()) if board is None else (board.link, board.cpus)
    place = os.getpid(), runtimes.get(runtime).environment, link, cpus
    if place not in _shared:
        _shared[place] = new_child(runtime, "a model that hwkit wrote", board)
        _shared[place].shared = True
    return _shared[place]
