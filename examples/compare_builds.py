"""Builds of one model for balance, speed and size, beside each other.

python examples/compare_builds.py model.hwk virtual_m4
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence

import hwkit

BUILDS = ("balanced", "speed", "size")


def main(arguments: Sequence[str]) -> int:
    path, board = arguments
    graph = hwkit.load(path)
    taken, facts = {}, {}
    for optimize in BUILDS:
        with tempfile.TemporaryDirectory() as folder:
            facts[optimize] = hwkit.deploy(graph, board, folder, optimize=optimize)
            # What is measured is what was deployed.
            taken[optimize] = hwkit.profile(graph, board, repeats=3, artifact_folder=folder)
    key = "instructions" if taken["balanced"]["total"]["cycles"] is None else "cycles"
    print(f"{board}, {taken['balanced']['evidence']} {key}")
    for rows in zip(*(taken[optimize]["layers"] for optimize in BUILDS), strict=True):
        print(f"{rows[0]['name']:<28.28}", *(f"{each[key]:>10}" for each in rows))
    print(f"{'total':<28}", *(f"{taken[optimize]['total'][key]:>10}" for optimize in BUILDS))
    for what in ("flash_bytes", "ram_bytes"):
        print(f"{what:<28}", *(f"{facts[optimize][what]:>10}" for optimize in BUILDS))
    print(f"{'':<28}", *(f"{optimize:>10}" for optimize in BUILDS))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
