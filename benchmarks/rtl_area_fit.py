"""Fits the cost model of the RTL layers: python -m benchmarks.rtl_area_fit [--check]

Reads ``results/layers/rtl_area.csv``. What a bit of each term takes (``hwkit.targets.rtl.terms``)
is a least-squares fit of relative errors in which nothing is negative. Each family is fitted by
itself and, where few of its designs have a term, drawn to what all families together say, and they
to a first guess. Whole networks and every fourth design of a layer are never fitted on: their
errors are ``results/rtl_area_error.csv``. Writes the coefficients into the package; with
``--check`` only compares.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from benchmarks.csvfile import read, write
from benchmarks.rtl_area import NAME
from benchmarks.rtl_area_designs import BOARD, IN_SHELL, design
from hwkit.targets.rtl import cost
from hwkit.targets.rtl.bitstream import section
from hwkit.targets.rtl.cost import COEFFICIENTS, Family, Mapped, mapped
from hwkit.targets.rtl.memories import RamBlock
from hwkit.targets.rtl.shell import frame_log2
from hwkit.targets.rtl.terms import Made, made_of, shell_made_of

FAMILIES = {
    "ice40": Family("ice40", RamBlock(4096, 16), lut_memory=False, dsp=False),
    "ecp5": Family("ecp5", RamBlock(18_432, 36), lut_memory=True, dsp=True),
    "gowin": Family("gowin", RamBlock(18_432, 36), lut_memory=True, dsp=True),
}
KINDS = ("lut", "ff")
HELD_OUT = 4
"""One of so many designs of a layer is not fitted on."""

PULLS = {"lut": (0.5, 0.8), "ff": (0.1, 0.5)}
"""How hard a term is drawn to the first guess (of flip-flops there is none), and a family's to that
of all families, beside all designs that have it; chosen by leaving out a sixth of the fitted
designs in turn."""

FAR = 2.5
"""No bit takes more than so many times the first guess."""

AT_LEAST = 50
"""LUTs below which an error in percent says nothing: it is told against so many."""


GUESSED: dict[str, float] = {
    **{"matrix": 40, "matrix.counters": 2, "matrix.multiply": 1.1, "matrix.multiply_row": 0.5},
    **{"matrix.fixed": 0.5, "matrix.hot": 1, "matrix.shift": 0.6, "matrix.count": 1.5},
    **{"matrix.count_sum": 1, "matrix.maximum": 2.5, "matrix.pair": 1, "matrix.tree": 1},
    **{"matrix.tree_sign": 0.5, "matrix.tree_sum": 1, "matrix.accumulate": 1.3},
    **{"matrix.offset": 0.7, "matrix.start": 0.3},
    **{"rescale": 6, "rescale.offset": 1, "rescale.add": 1, "rescale.tie": 0.3},
    **{"rescale.twice": 2, "rescale.round": 0.3, "rescale.right": 0.3, "rescale.barrel": 0.5},
    **{"rescale.clamp": 0.7, "rescale.choose": 0.7, "rescale.zero": 0.7, "rescale.group": 1},
    **{"threshold": 6, "threshold.compare": 1, "threshold.fixed": 0.6, "threshold.count": 0.7},
    **{
        "window": 36,
        "window.counters": 2.5,
        "window.address": 10,
        "window.around": 6,
        "window.place": 9,
        "window.read": 2,
    },
    **{"window.x": 5, "window.y": 7, "window.rows": 3, "window.word": 0.1, "window.pad": 1},
    **{"patch": 40, "patch.counters": 3, "patch.place": 5, "patch.y": 7, "patch.rows": 3},
    **{"patch.inside": 1.5, "patch.from": 2, "patch.chosen": 0.6},
    **{"fifo": 6, "fifo.index": 1, "fifo.count": 2, "lookup": 2, "sum": 4, "sum.add": 1},
    **{"sum.offset": 1, "mul": 6, "mul.offset": 1, "choose": 6, "choose.choose": 1},
    **{"choose.compare": 0.6, "argmax": 5, "argmax.compare": 1.2, "argmax.place": 1},
    **{"gather": 25, "gather.count": 9, "gather.index": 2, "join": 8, "join.choose": 0.5},
    **{"join.beat": 2, "constant": 2, "constant.at": 1.5, "state": 8, "state.at": 2},
    **{"state.word": 1, "softmax": 450, "fork": 1, "fork.readers": 2, "widen": 4, "narrow": 5},
    **{"widen.beat": 0.1, "narrow.beat": 0.5, "shell": 800, "shell.source": 0.3},
    **{"shell.sink": 0.5, "shell.beats": 4, "shell.bytes": 4},
    **{"memory.rom": 1, "memory.rom.few": 0.6, "memory.rom.deep": 1.3, "memory.rom.choice": 0.5},
    **{"memory.cells": 4, "memory.cells.choice": 0.5, "memory.registers": 0.5},
    **{
        "memory.block.width": 0.6,
        "memory.block.address": 1,
        "memory.cells.memory": 3,
        "dsp.join": 0.5,
        "logic.multiply": 1.1,
        "logic.constant": 1.1,
    },
}
"""LUTs of a bit before any count: a bit of an adder one, of a choice of two a half to one. What few
designs have stays near it; a term that is not here is flip-flops alone."""

_FRAME_BYTES = 1 << frame_log2(section(BOARD))


@dataclass(frozen=True, slots=True)
class Row:
    """A design of one family: what it is made of, and what was counted."""

    kind: str
    number: int
    family: str
    found: Mapped
    counted: dict[str, int]

    @property
    def held_out(self) -> bool:
        """Whether it is never fitted on."""
        return self.kind == "network" or self.number % HELD_OUT == HELD_OUT - 1


def rows(kinds: Container[str] | None = None) -> list[Row]:
    """Of the CSV, or those of ``kinds`` in it, whose designs are drawn again; ``SystemExit`` where
    one is not what it was."""
    found: list[Row] = []
    drawn: dict[tuple[str, int], tuple[str, Made]] = {}
    for row in read(NAME):
        if kinds is not None and row["kind"] not in kinds:
            continue
        key = row["kind"], int(row["number"])
        if key not in drawn:
            drawn[key] = _made(*key)
        digest, made = drawn[key]
        if digest != row["digest"]:
            raise SystemExit(f"{key} is another design now: delete its rows, run rtl_area again")
        counted = {name: int(row[name]) for name in ("lut", "ff", "bram", "dsp")}
        of = FAMILIES[row["family"]]
        found.append(Row(*key, row["family"], mapped(made, of), counted))
    return found


def _made(kind: str, number: int) -> tuple[str, Made]:
    drawn = design(kind, number)
    made = made_of(drawn.netlist.instances)
    if kind in IN_SHELL:
        shell = shell_made_of(drawn.core.sources, drawn.core.sinks, _FRAME_BYTES)
        made.terms.update(shell.terms)
        made.blocks += shell.blocks
    return drawn.digest, made


def fitted(
    some: Sequence[Row], kind: str, guess: Mapping[str, float], pull: float
) -> dict[str, float]:
    """What a bit of each term takes. LUTs are near ``guess`` (``FAR`` at the most), which has all
    terms that take some; flip-flops are free."""
    every = {name for row in some for name in row.found.terms}
    names = sorted(every & guess.keys() if kind == "lut" else every)
    if not names:
        return {}
    counted = np.array([max(row.counted[kind], 1) for row in some], float)
    x = np.array([[row.found.terms.get(name, 0.0) for name in names] for row in some])
    x = x / counted[:, None]
    prior = np.array([guess.get(name, 0.0) for name in names])
    weight = pull * np.sqrt((x**2).sum(axis=0))
    x = np.vstack([x, np.diag(weight)])
    y = np.concatenate([np.ones(len(some)), weight * prior])
    high = FAR * np.array([GUESSED[name] for name in names]) if kind == "lut" else np.inf
    values = lsq_linear(x, y, (np.zeros(len(names)), high)).x
    return {name: round(float(v), 4) for name, v in zip(names, values, strict=True)}


def coefficients(every: Sequence[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """By family and kind."""
    some = [row for row in every if not row.held_out]
    found: dict[str, dict[str, dict[str, float]]] = {family: {} for family in FAMILIES}
    for kind in KINDS:
        guess = GUESSED if kind == "lut" else {}
        to_guess, to_all = PULLS[kind]
        together = {**guess, **fitted(some, kind, guess, to_guess)}
        for family in FAMILIES:
            mine = [row for row in some if row.family == family]
            values = together | fitted(mine, kind, together, to_all)
            found[family][kind] = {name: v for name, v in sorted(values.items()) if v > 1e-3}
    return found


def estimate(row: Row, values: Mapping[str, Mapping[str, float]], kind: str) -> float:
    """Of one design."""
    return sum(values[kind].get(name, 0.0) * n for name, n in row.found.terms.items())


def errors(
    every: Sequence[Row], found: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> list[dict[str, Any]]:
    """A row for each family and set: relative errors, the median, the mean and the largest."""
    sets = {
        "networks, held out": [row for row in every if row.kind == "network"],
        "layers, held out": [row for row in every if row.held_out and row.kind != "network"],
        "layers, fitted": [row for row in every if not row.held_out],
    }
    kinds = sorted({row.kind for row in every} - {"network"})
    sets |= {kind: [row for row in every if row.kind == kind] for kind in kinds}
    table = []
    for family in FAMILIES:
        for title, wanted in sets.items():
            some = [row for row in wanted if row.family == family]
            if not some:
                continue
            entry: dict[str, Any] = {"family": family, "designs": title, "count": len(some)}
            for kind in KINDS:
                each = [_error(row, found[family], kind) for row in some]
                size = np.abs(each)
                entry |= {
                    f"{kind}_median_percent": f"{100 * np.median(size):.1f}",
                    f"{kind}_mean_percent": f"{100 * np.mean(size):.1f}",
                    f"{kind}_largest_percent": f"{100 * np.max(size):.1f}",
                }
                total = sum(row.counted[kind] for row in some)
                guess = sum(estimate(row, found[family], kind) for row in some)
                entry[f"{kind}_total_percent"] = f"{100 * (guess / total - 1):.1f}"
            for kind in ("bram", "dsp"):
                equal = sum(getattr(row.found, kind) == row.counted[kind] for row in some)
                entry[f"{kind}_equal"] = equal
            table.append(entry | {"evidence": "estimated"})
    return table


def _error(row: Row, values: Mapping[str, Mapping[str, float]], kind: str) -> float:
    counted = row.counted[kind]
    return (estimate(row, values, kind) - counted) / max(counted, AT_LEAST)


def main(arguments: Sequence[str]) -> None:
    """Writes the coefficients and ``rtl_area_error.csv``."""
    every = rows()
    found = coefficients(every)
    value = {"format": 1, "families": found}
    text = json.dumps(value, indent=1, sort_keys=True) + "\n"
    path = Path(cost.__file__).with_name(COEFFICIENTS)
    if "--check" in arguments:
        if path.read_text() != text:
            raise SystemExit(f"{path.name} is not what the rows say; run without --check")
        return
    path.write_text(text)
    write("rtl_area_error", errors(every, found))


if __name__ == "__main__":
    main(sys.argv[1:])
