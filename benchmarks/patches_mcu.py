"""Builds in parts on virtual boards, counted and compared: python -m benchmarks.patches_mcu FOLDER

The folder has the person detection of MLPerf Tiny, ``vww_mobilenet_int8.tflite`` (repository
mlcommons/tiny). ``ram_bytes`` is all of it but the stack, ``factor`` instructions over those of the
whole-image build of the same board; integers are compared on random inputs as ``hwkit verify``
does. The figures do not depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from benchmarks.patches import VWW
from hwkit.flow.build import artifact_for
from hwkit.flow.profiling import profile
from hwkit.flow.shape import Shape
from hwkit.flow.verify import verify
from hwkit.ir.graph import Graph

BOARDS = ("virtual_m4", "virtual_m0")
SHAPES: tuple[Shape, ...] = (
    {},
    {"sram": "36kB"},
    {"sram": "20kB", "input": "streamed"},
    {"sram": "15kB", "input": "streamed"},
)
INPUTS = 3


def rows(name: str, graph: Graph, board: str) -> Iterator[dict[str, Any]]:
    """Of one network: the whole-image build first."""
    whole: int | None = None
    for shape in SHAPES:
        _, artifact = artifact_for(graph, board, None, **shape)
        with tempfile.TemporaryDirectory() as folder:
            taken = profile(graph, board, repeats=1, store=Path(folder) / "db", **shape)
        assert taken.total.instructions is not None
        count = round(taken.total.instructions)
        whole = count if whole is None else whole
        facts = artifact.facts
        yield {
            "network": name,
            "board": board,
            "input": shape.get("input") or "whole",
            "limit": shape.get("sram") or "",
            "stages": len(facts["stages"]),
            "arena_bytes": facts["arena_bytes"],
            "ram_bytes": facts["ram_bytes"] - facts["stack_bytes"],
            "flash_bytes": facts["flash_bytes"],
            "instructions": count,
            "factor": f"{count / whole:.4f}",
            "differing": verify(graph, board, samples=INPUTS, **shape).differing,
            "evidence": taken.evidence,
        }


def main(arguments: list[str]) -> None:
    """Writes ``patches_mcu.csv``; nothing without the folder."""
    if arguments:
        from hwkit.importers import load_model

        graph = load_model(Path(arguments[0]) / VWW)
        write("patches_mcu", [row for board in BOARDS for row in rows("vww", graph, board)])


if __name__ == "__main__":
    main(sys.argv[1:])
