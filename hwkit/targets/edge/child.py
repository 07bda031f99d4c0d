"""The process in which the native runtimes run; ``supervised.py`` starts it and talks to it.

A runtime trusts the file that it reads. A check that fails there ends the whole process, wrong
offsets can make it read anywhere: here it only takes down a child. Nothing but numpy and the
runtime is imported, so that the start is short and any environment's Python will do, on this
machine or on another one: nothing but standard input and output connects it.

A request is a line of JSON and the bytes that it announces: a model, unless it is known, and
arrays. An answer is such a line, and arrays. A line ``{}`` in between says that a sample is done.
What native code prints goes to standard error.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import os
import platform
import resource
import select
import signal
import sys
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter_ns
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from hwkit.targets.edge.runtime import Model, Runtime

Array = npt.NDArray[Any]
Described = list[tuple[str, list[int]]]
"""Type and shape of each of several arrays."""

MEMORY_BYTES = 8 << 30
"""Address space of the child."""
KEPT_FILES = 16
"""Models whose bytes both sides remember, so that they are sent once."""
_KEPT = 4
"""Models that stay loaded."""
_GRACE_S = 10.0


def packed(arrays: Sequence[Array]) -> tuple[Described, bytes]:
    """Types and shapes of arrays, and their bytes one behind the other."""
    described = [(array.dtype.name, list(array.shape)) for array in arrays]
    return described, b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)


def unpacked(described: Described, data: bytes) -> list[Array]:
    """What ``packed`` made; ``ValueError`` where bytes and shapes do not fit."""
    arrays, start = [], 0
    for name, shape in described:
        dtype = np.dtype(name)
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(data, dtype, count, start).reshape(shape))
        start += count * dtype.itemsize
    if start != len(data):
        raise ValueError(f"{len(data)} bytes for arrays of {start}")
    return arrays


@dataclass
class _Loaded:
    """A model, and how many inferences it has done since it was loaded."""

    model: Model
    steps: int = 0

    def invoke(self) -> None:
        self.steps += 1
        self.model.invoke()


class _Child:
    """Answers requests; keeps the last few models loaded, and the bytes of some more."""

    def __init__(self, answers: IO[bytes]) -> None:
        self.answers = answers
        self.runtimes = import_module("hwkit_runtime")
        self.files: OrderedDict[str, bytes] = OrderedDict()
        self.loaded: OrderedDict[str, _Loaded] = OrderedDict()

    def take(self, request: dict[str, Any], data: bytes) -> list[Array]:
        """Keeps the model that came with a request, and gives its arrays."""
        size = request["model_bytes"]
        if size:
            self.files[request["model"]] = data[:size]
        while len(self.files) > KEPT_FILES:
            self.files.popitem(last=False)
        return unpacked(request["inputs"], data[size:])

    def answer(self, request: dict[str, Any], inputs: list[Array]) -> None:
        """Sends the answer to a request, and the arrays that belong to it."""
        if request["do"] == "about":
            self.send({"about": about(request["package"])})
            return
        loaded = self.at(request)
        if request["do"] == "load":
            self.send({"facts": loaded.model.facts()})
        elif request["do"] == "time":
            self.send({"ns": self.times(loaded, inputs, request)})
        else:
            described, data = packed(self.run(loaded, inputs, request))
            self.send({"outputs": described, "bytes": len(data)}, data)

    def at(self, request: dict[str, Any]) -> _Loaded:
        """The model, after as many inferences as the request says (None: any number): a state
        that was lost with a process is not made up."""
        parts = ("model", "runtime", "threads", "output_count", "timed")
        key = json.dumps([request[part] for part in parts])
        steps = request["steps"]
        if key in self.loaded and steps == 0 < self.loaded[key].steps:
            del self.loaded[key]
        if key not in self.loaded:
            while len(self.loaded) >= _KEPT:
                self.loaded.popitem(last=False)
            self.loaded[key] = _Loaded(self.opened(request))
        self.loaded.move_to_end(key)
        if steps not in (None, self.loaded[key].steps):
            raise self.runtimes.Refused("the states of earlier inferences are lost; reset it")
        return self.loaded[key]

    def opened(self, request: dict[str, Any]) -> Model:
        model = self.files[request["model"]]
        if hashlib.sha256(model).hexdigest() != request["model"]:
            raise self.runtimes.Refused("the model was damaged on its way; try again")
        runtime: Runtime = self.runtimes.get(request["runtime"])
        return runtime.open(model, request["threads"], request["output_count"])

    def run(self, loaded: _Loaded, inputs: list[Array], request: dict[str, Any]) -> list[Array]:
        """Every output for every sample behind the first ``skip``: (samples, shape in the file)."""
        rows = []
        for k in range(request["samples"]):
            loaded.model.feed([x[k] for x in inputs])
            loaded.invoke()
            if k >= request["skip"]:
                rows.append(loaded.model.outputs())
            self.send({})
            _stop_after(request["limit_s"])
        return [np.stack(column) for column in zip(*rows, strict=True)]

    def times(self, loaded: _Loaded, inputs: list[Array], request: dict[str, Any]) -> list[int]:
        """Nanoseconds of each of ``repeats`` inferences after ``warm_up`` others."""
        loaded.model.feed([x[0] for x in inputs])
        for _ in range(request["warm_up"]):
            loaded.invoke()
        times = []
        for _ in range(request["repeats"]):
            start = perf_counter_ns()
            loaded.model.invoke()
            times.append(perf_counter_ns() - start)
        return times

    def send(self, answer: dict[str, Any], data: bytes = b"") -> None:
        self.answers.write(json.dumps(answer).encode() + b"\n" + data)
        self.answers.flush()


def about(package: str) -> dict[str, Any]:
    """What computes here: the version of ``package`` ("" where it is not installed), the Python,
    the machine's name and CPU, its architecture, and the CPUs that this process may run on, where
    it is not all of them."""
    try:
        installed = version(package)
    except PackageNotFoundError:
        installed = ""
    return {
        "version": installed,
        "python": f"{platform.python_version()} ({sys.executable})",
        "host": import_module("hwkit_host").host(),
        "machine": platform.machine(),
        "cpus": _pinned(),
    }


def _pinned() -> list[int]:
    if not hasattr(os, "sched_getaffinity"):
        return []
    cpus = sorted(os.sched_getaffinity(0))
    return cpus if len(cpus) < (os.cpu_count() or 0) else []


def _pin(cpus: Sequence[int]) -> str:
    """Keeps this process to ``cpus``; "" or why it cannot be."""
    if not cpus:
        return ""
    if not hasattr(os, "sched_setaffinity"):
        return "this system pins no process to CPUs; leave cpus out"
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        there = sorted(os.sched_getaffinity(0))
        return f"cpus {list(cpus)} cannot be had ({error}); there are {there}"
    return ""


def _guard() -> None:
    """A second process that kills this one when its starter is gone, whatever it is doing: it ends
    with a starter that was killed, and with a connection that was lost. It ends with this one too.
    """
    ends, lifeline = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, which it does not use
        if os.fork():
            os.close(ends)
            return
    os.close(lifeline)
    for stream in (1, 2):
        os.close(stream)
    watched = select.poll()
    watched.register(ends, 0)
    watched.register(0, getattr(select, "POLLRDHUP", 0))
    gone = [handle for handle, _ in watched.poll()]
    if ends not in gone:
        os.kill(os.getppid(), signal.SIGKILL)
    os._exit(0)


def _stop_after(seconds: float) -> None:
    """The kernel ends this process a little later than its starter would, should that be gone."""
    signal.setitimer(signal.ITIMER_REAL, seconds and seconds + _GRACE_S)


def _line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__


def main(cpus: Sequence[int] = (), idle_s: float = 0.0) -> None:
    """Serves until standard input ends, or for ``idle_s`` without a request (0: for ever)."""
    _guard()
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    faulthandler.enable()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    child = _Child(answers)
    unpinned = _pin(cpus)
    child.send({"refused": unpinned} if unpinned else {"ready": True})
    _stop_after(idle_s)
    while line := sys.stdin.buffer.readline():
        request = json.loads(line)
        data = sys.stdin.buffer.read(request["bytes"])
        _stop_after(request["limit_s"])
        try:
            child.answer(request, child.take(request, data))
        except MemoryError:
            child.send({"refused": f"it wants more than {MEMORY_BYTES} bytes of memory"})
        except (child.runtimes.Refused, ImportError, RuntimeError, ValueError) as error:
            child.send({"refused": _line(error)})
        _stop_after(idle_s)
