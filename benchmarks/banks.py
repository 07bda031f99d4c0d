"""Networks that fit two banks of SRAM together and neither alone: python -m benchmarks.banks FOLDER

The folder has networks of MLPerf Tiny (repository mlcommons/tiny). The board is a virtual Cortex-M4
with a memory map of its own. ``wait_cycles`` are those of the plan, ``found`` those of the
best plan without the integer program (greedy orders and moves in them), and no plan waits for fewer
than ``bound``; all are estimated. ``copied_bytes`` go from one bank to the other while an inference
runs, ``missing_bytes`` has the larger bank alone. The board's integers are the
interpreter's, or nothing is written.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.csvfile import write
from benchmarks.virtual import counted
from hwkit import boards
from hwkit.errors import ConfigError
from hwkit.flow.build import cached, lower
from hwkit.importers import load_model
from hwkit.ir.graph import Graph

NETWORKS = {
    "vww": "vww_mobilenet_int8.tflite",
    "resnet8": "ic_resnet8_int8.tflite",
    "dscnn": "kws_dscnn_int8.tflite",
}
BANKS: dict[str, tuple[tuple[int, int], ...]] = {
    "vww": ((20, 38), (38, 20)),
    "resnet8": ((20, 24), (24, 20)),
    "dscnn": ((10, 13), (13, 10)),
}
"""Kilobytes of the fast bank, where stack and variables lie too, and of the slow one."""

WAIT_CYCLES = 4

_BANK = """
[[mcu.memory]]
name = "{name}"
kind = "sram"
origin = {origin:#x}
size_bytes = {size}
wait_cycles = {wait}
"""


def board_file(folder: Path, fast: int, slow: int) -> str:
    """A board with two banks of so many kB; with one where ``slow`` is 0."""
    text = (boards_folder() / "virtual_m4.toml").read_text()
    head, _, tail = text.partition('[[mcu.memory]]\nname = "sram"')
    banks = [("fast", 0x2000_0000, fast, 0), ("slow", 0x3000_0000, slow, WAIT_CYCLES)]
    made = "".join(
        _BANK.format(name=name, origin=origin, size=size << 10, wait=wait)
        for name, origin, size, wait in banks
        if size
    )
    path = folder / f"banks_{fast}_{slow}.toml"
    head = head.replace('"virtual_m4"', f'"{path.stem}"')
    path.write_text(head + made + tail[tail.index("\n[mcu.uart]") :])
    return str(path)


def boards_folder() -> Path:
    """Where hwkit's own boards are."""
    return Path(boards.load("virtual_m4").origin).parent


def rows(name: str, graph: Graph) -> Iterator[dict[str, Any]]:
    """Of one network a row for each pair of banks; kernels by the rule, none is measured."""
    for fast, slow in BANKS[name]:
        with tempfile.TemporaryDirectory() as folder:
            two = board_file(Path(folder), fast, slow)
            one = board_file(Path(folder), max(fast, slow), 0)
            target, lowered = lower(graph, two, measure=False)
            counts = counted(graph, cached(target, lowered))
            facts = counts.artifact.facts
            yield {
                "network": name,
                "fast_kb": fast,
                "slow_kb": slow,
                "missing_bytes": _missing(graph, one),
                "fast_bytes": facts["arena_regions"]["fast"],
                "slow_bytes": facts["arena_regions"]["slow"],
                "slow_accesses": facts["arena_accesses"]["slow"],
                "wait_cycles": facts["arena_wait_cycles"],
                "bound": facts["arena_wait_bound_cycles"],
                "found": _without_program(graph, two),
                "copied_bytes": sum(move["size_bytes"] for move in facts["arena_moves"]),
                "instructions": sum(counts.layer_instructions),
                "evidence": "simulated",
            }


def _without_program(graph: Graph, board: str) -> int:
    """Cycles that the plan waits for which no solver looked at."""
    cache = {"XDG_CACHE_HOME": str(Path(board).parent / "cache")}
    with patch.dict(sys.modules, {"scipy": None}), patch.dict(os.environ, cache):
        _, lowered = lower(graph, board, measure=False)
        waits: int = lowered.plan.memory.waits.cycles
        return waits


def _missing(graph: Graph, board: str) -> int:
    """What the refusal by a board with one bank says."""
    target, lowered = lower(graph, board, measure=False)
    try:
        with tempfile.TemporaryDirectory() as folder:
            target.build(target.emit(lowered), lowered, Path(folder))
    except ConfigError as refused:
        found = re.search(r"(\d+) more than", str(refused))
        assert found, refused
        return int(found[1])
    raise AssertionError(f"{graph.name} fits {board}: give it smaller banks")


def main(arguments: list[str]) -> None:
    """Writes ``banks.csv``; nothing without the folder."""
    if arguments:
        found: list[dict[str, Any]] = []
        for name, file in NETWORKS.items():
            found += rows(name, load_model(Path(arguments[0]) / file))
            print(*found[-len(BANKS[name]) :], sep="\n")
        write("banks", found)


if __name__ == "__main__":
    main(sys.argv[1:])
