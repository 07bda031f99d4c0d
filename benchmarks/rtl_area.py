"""What Yosys counts for small random designs: python -m benchmarks.rtl_area [MINUTES]

Rows of ``results/layers/rtl_area.csv`` that are there are kept; so many are added as MINUTES (25
unless said otherwise) allow. Every row is a design of ``rtl_area_designs`` for one family of parts,
counted before placement; ``python -m benchmarks.rtl_area_fit`` fits the cost model of the layers on
them. The figures depend on the version of Yosys, not on the machine.
"""

from __future__ import annotations

import dataclasses
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.csvfile import FOLDER, read, write
from benchmarks.rtl_area_designs import Design, design
from hwkit.targets.rtl.bitstream import verilog_sources
from hwkit.toolchain import process, yosys

NAME = "layers/rtl_area"
MINUTES = 25.0

FAMILIES = {
    "ice40": ("ice40", "hx8k"),
    "ecp5": ("ecp5", "25k"),
    "gowin": ("gowin", "GW2A-18C"),
}
"""Flow and device of each family's rows."""

COUNTS = {
    **{"conv": 14, "dense": 7, "khot": 7, "depthwise": 8, "signs": 6, "pool": 6},
    **{"rescale": 10, "table": 4, "two": 6, "moved": 8, "prelu": 3, "argmax": 3},
    **{"softmax": 2, "shell": 8, "network": 8, "window": 12},
}
"""Designs of each kind."""

AT_ONCE = 4
"""Designs that share a process, which takes a second to start."""


def wanted() -> Iterator[tuple[str, int]]:
    """Kind and number of every design, the kinds in turn: any beginning is a fair sample."""
    for number in range(max(COUNTS.values())):
        yield from ((kind, number) for kind, count in COUNTS.items() if number < count)


def counted(designs: Sequence[Design], family: str) -> list[yosys.Counts]:
    """Synthesizes ``designs`` for ``family`` in one process."""
    flow, device = FAMILIES[family]
    lines: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for k, made in enumerate(designs):
            for path, content in made.files.items():
                (folder / f"d{k}" / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / f"d{k}" / path).write_bytes(content)
            sources = [f"d{k}/{path}" for path in verilog_sources(made.files)]
            lines += ["design -reset", *yosys.synthesis(flow, device, made.top, sources)]
            lines += [f"tee -q -o d{k}.json stat -json"]
        (folder / "all.ys").write_text("\n".join(lines) + "\n")
        program = yosys.find_program("yosys")
        process.run([program, "-q", "all.ys"], folder / "log", cwd=folder, timeout_s=3600)
        return [yosys.counts(folder / f"d{k}.json") for k in range(len(designs))]


def main(minutes: float) -> None:
    """Adds rows to ``rtl_area.csv`` until all are there or the time is over; the families at once,
    each at its own pace."""
    rows: list[dict[str, Any]] = list(read(NAME)) if (FOLDER / f"{NAME}.csv").is_file() else []
    there = {(row["kind"], int(row["number"]), row["family"]) for row in rows}
    end_s, lock = time.monotonic() + 60 * minutes, Lock()

    def add(family: str) -> None:
        missing = [key for key in wanted() if (*key, family) not in there]
        for first in range(0, len(missing), AT_ONCE):
            if time.monotonic() > end_s:
                return
            more = _rows(family, missing[first : first + AT_ONCE])
            with lock:
                rows.extend(more)
                rows.sort(key=lambda row: (row["family"], row["kind"], int(row["number"])))
                write(NAME, rows)
                print(f"{len(rows)} of {len(FAMILIES) * sum(COUNTS.values())}", flush=True)

    with ThreadPoolExecutor(len(FAMILIES)) as families:
        list(families.map(add, FAMILIES))


def _rows(family: str, keys: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Of designs of one family."""
    designs = [design(kind, number) for kind, number in keys]
    version = yosys.version("yosys")
    return [
        {
            **{"kind": made.kind, "number": made.number, "family": family},
            **dataclasses.asdict(counts),
            **{"digest": made.digest, "counted_by": version, "evidence": "estimated"},
        }
        for made, counts in zip(designs, counted(designs, family), strict=True)
    ]


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
