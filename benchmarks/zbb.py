"""What the bit manipulation instructions of RISC-V save where the compiler has them: whole networks
on an RV32IMAC core without and with Zba, Zbb and Zbs, executed instructions (QEMU's machine virt).

python -m benchmarks.zbb [FOLDER | model.tflite ...]

Without arguments the folder in $HWKIT_MODELS, if that is set.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from benchmarks.moved import MODELS, files
from benchmarks.virtual import Counted, counted
from hwkit import boards
from hwkit.flow.source import import_file
from hwkit.ir.counts import macs
from hwkit.ir.graph import Graph
from hwkit.targets.mcu.choice import choose
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.target import TARGET as mcu

EXTENSIONS = ("", "+zba+zbb+zbs")


def count(graph: Graph, extensions: str) -> Counted:
    """Kernels chosen with these extensions, every integer checked."""
    board = boards.load("virtual_rv32")
    assert board.mcu is not None
    flags = [flag + extensions * flag.startswith("-mcpu=") for flag in board.mcu.cpu_flags]
    core = replace(board.mcu, emulator="qemu", cost_model="", cpu_flags=tuple(flags))
    lowered = choose(mcu.lower(graph, replace(board, mcu=core)))
    with tempfile.TemporaryDirectory() as folder:
        return counted(graph, mcu.build(emit(lowered), lowered, Path(folder)))


def row(graph: Graph) -> dict[str, Any]:
    """A network with both."""
    plain, more = (count(graph, extensions) for extensions in EXTENSIONS)
    before, after = sum(plain.layer_instructions), sum(more.layer_instructions)
    code = [of.artifact.facts["code_bytes"] for of in (plain, more)]
    return {
        "network": graph.name,
        "macs": sum(macs(graph, op) for op in graph.nodes),
        "instructions": before,
        "instructions_with": after,
        "saved_percent": f"{100 * (1 - after / before):.2f}",
        "code_bytes": code[0],
        "code_bytes_with": code[1],
        "extensions": EXTENSIONS[1].replace("+", " ").strip(),
        "evidence": "simulated",
    }


def main(arguments: list[str]) -> None:
    """Writes results/zbb.csv."""
    paths = arguments or [folder for folder in (os.environ.get(MODELS),) if folder]
    rows = []
    for path in files(paths):
        rows.append(row(import_file(path, 1, required=True)[0]))
        print(rows[-1], flush=True)
    if rows:
        write("zbb", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
