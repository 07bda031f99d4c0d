"""Runs a model in a process of its own.

A runtime trusts the file that it reads: bytes that somebody changed can make it read anywhere.
So a model that is not, byte for byte, what hwkit emits runs here, where it can only take down a
child.

Usage of the child: ``python -m hwkit.targets.edge.isolated FOLDER``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from hwkit.boards import EdgeBoard
from hwkit.errors import FormatError, HwkitError, ToolFailed
from hwkit.ir.types import Array
from hwkit.targets.edge.observe import with_outputs
from hwkit.targets.edge.runtimes import run_all, session
from hwkit.toolchain import process

_TIMEOUT_S = 300.0
_MEMORY_BYTES = 8 << 30
"""Address space of the child."""
_MODEL, _INPUT, _REQUEST, _LOG = "model.tflite", "input.npy", "request.json", "log.txt"


def execute(
    board: EdgeBoard, model: bytes, x: Array, names: Sequence[str] | None = None
) -> dict[str, Array]:
    """Outputs for ``x`` by name: those of ``names`` that the model computes, or, without
    ``names``, its one output under the name ``""``."""
    found = [""]
    if names is not None:
        model, found = with_outputs(model, names)
    results = run_all(session(board, model, len(found)), x)
    return dict(zip(found, results, strict=True))


def execute_isolated(
    board: EdgeBoard, model: bytes, x: Array, names: Sequence[str] | None = None
) -> dict[str, Array]:
    """``execute`` in a child; ``FormatError`` when the model makes it fail."""
    with tempfile.TemporaryDirectory(prefix="hwkit-") as folder:
        here = Path(folder)
        request = {"board": asdict(board), "names": None if names is None else list(names)}
        (here / _MODEL).write_bytes(model)
        (here / _REQUEST).write_text(json.dumps(request))
        np.save(here / _INPUT, x, allow_pickle=False)
        _child(here)
        found = json.loads((here / "found.json").read_text())
        return {
            name: np.load(here / f"output{k}.npy", allow_pickle=False)
            for k, name in enumerate(found)
        }


def _child(folder: Path) -> str:
    command = [sys.executable, "-m", "hwkit.targets.edge.isolated", str(folder)]
    try:
        # The child finds hwkit where this process found it, installed or not.
        paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return process.run(command, folder / _LOG, env=paths, timeout_s=_TIMEOUT_S)
    except ToolFailed as error:
        lines = (folder / _LOG).read_text(errors="replace").strip().splitlines()
        said = lines[-1] if len(lines) > 1 else f"exit code {error.tool_exit_code}"
        raise FormatError(
            f"the runtime cannot run this .tflite ({said}); deploy it again"
        ) from None


def _serve(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    request = json.loads((folder / _REQUEST).read_text())
    model = (folder / _MODEL).read_bytes()
    board = EdgeBoard(**request["board"])
    x = np.load(folder / _INPUT, allow_pickle=False)
    outputs = execute(board, model, x, request["names"])
    for k, value in enumerate(outputs.values()):
        np.save(folder / f"output{k}.npy", value, allow_pickle=False)
    (folder / "found.json").write_text(json.dumps(list(outputs)))


if __name__ == "__main__":
    try:
        _serve(Path(sys.argv[1]))
    except HwkitError as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
