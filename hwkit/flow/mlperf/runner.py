"""The MLCommons runner as the driver: a program of its own, from the user's copy."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError, ToolMissing
from hwkit.files import read_file, write_whole
from hwkit.flow.mlperf import launch
from hwkit.flow.mlperf.record import FILES, WINDOWS, Mode, Outcome, Plan, Record
from hwkit.toolchain import process

_MAIN = "main.py"
_NEEDS = {"yaml": "pyyaml", "sklearn": "scikit-learn", "matplotlib": "matplotlib"}
_TIMEOUT_S = 12 * 3600.0
_MOST_BYTES = 1 << 30


class Runner:
    """The runner in ``folder``, ``benchmark/runner`` of a clone of mlcommons/tiny.

    ``ConfigError`` for another folder, ``ToolMissing`` without what it imports.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / _MAIN).is_file():
            raise ConfigError(
                f"{folder}: no {_MAIN} there; give benchmark/runner of a clone of "
                "github.com/mlcommons/tiny"
            )
        self._main = folder.absolute() / _MAIN
        text = read_file(self._main, _MOST_BYTES, "clone it again").decode(errors="replace")
        for module, package in _NEEDS.items():
            if re.search(rf"\b{module}\b", text) and find_spec(module) is None:
                raise ToolMissing(package, f"pip install {' '.join(_NEEDS.values())}")

    def digest(self) -> str:
        """SHA-256 of its Python files: which runner it was."""
        found = hashlib.sha256()
        for path in sorted(self._main.parent.rglob("*.py")):
            found.update(f"{path.relative_to(self._main.parent)}\0".encode())
            found.update(path.read_bytes())
        return found.hexdigest()

    def perform(
        self, port: str, baud: int, mode: Mode, plan: Plan, data: Path, work: Path
    ) -> Outcome:
        """Runs ``mode`` in the folder ``work`` at the device file ``port``, on the data sets in
        ``data``. ``ToolFailed`` with the log when the runner fails; ``FormatError`` when it ends
        without results."""
        devices, tests = work / "devices.yaml", work / f"tests_{mode}.yaml"
        # JSON is YAML.
        write_whole(devices, json.dumps([_device(baud)]).encode())
        write_whole(tests, json.dumps({plan.network.name: _script(mode, plan)}).encode())
        command = [sys.executable, launch.__file__, port, str(self._main)]
        command += ["-d", str(devices), "-t", str(tests), "-s", str(data), "-m", mode[0]]
        # It writes where it runs, and nothing into its own folder.
        quiet = {"PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}
        process.run(command, work / "runner.log", cwd=work, env=quiet, timeout_s=_TIMEOUT_S)
        sessions = sorted((work / "sessions").iterdir())
        if not sessions or any(not (sessions[-1] / name).is_file() for name in FILES):
            raise FormatError(f"{work}: the runner left no results; its log is {work}/runner.log")
        path = sessions[-1] / "results.json"
        told = json.loads(read_file(path, _MOST_BYTES, "run it again"))
        return Outcome([_record(one, path) for one in told if "infer" in one], sessions[-1])


def _device(baud: int) -> dict[str, object]:
    named = {"name": launch.DESCRIPTION, "usb_description": launch.DESCRIPTION}
    return {**named, "type": "dut", "baud": baud}


def _script(mode: Mode, plan: Plan) -> dict[str, object]:
    """As the runner's own scripts, with iterations that fill a window at this device."""
    one = f"infer {plan.iterations} {plan.warmups}" if mode == "performance" else "infer 1 0"
    loop = f"loop {WINDOWS}" if mode == "performance" else "loop"
    return {
        "name": plan.network.title,
        "model": plan.network.dataset,
        "truth_file": "y_labels.csv",
        "script": [{loop: ["download", one]}],
    }


def _record(told: Any, path: Path) -> Record:
    try:
        infer = told["infer"]
        results = tuple(map(float, infer["results"]))
        return Record(told["file"], results, infer["elapsed_time"], infer["iterations"])
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"{path}: an answer without {error}; see the runner's log beside it"
        ) from error
