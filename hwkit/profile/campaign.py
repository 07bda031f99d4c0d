"""Repeated runs of one artifact on one board become the profile JSON of the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, get_args

from hwkit.boards import Board
from hwkit.errors import ConfigError, DeviceError
from hwkit.profile.statistics import check_repeats, median, spread
from hwkit.target import WHOLE_MODEL, Evidence, LayerTiming

FIGURES = ("instructions", "cycles", "us")


def profile_json(
    board: Board, runs: Sequence[Sequence[LayerTiming]], warm_up: int = 0
) -> dict[str, Any]:
    """The profile of ``runs`` (repeats x layers, all taken on ``board``).

    Keys: ``board``, ``evidence``, ``clock_hz`` (None without one), ``repeats``, ``warm_up``,
    ``layers`` and ``total``. A layer has ``index name op macs``, the medians ``instructions``,
    ``cycles``, ``us``, and ``spread`` with ``min median p95 mad`` of each figure that is known.
    ``total`` has the sums of the layers' medians, and the spread of the sums of each run. A figure
    that the board can't give is None, and so is a sum that lacks one. ``whole`` is there where the
    target also timed the whole model at once (a row ``WHOLE_MODEL``): its own medians, which the
    layers, timed one by one, need not add up to; they stand in for a sum that is None. Everything
    here has the board's one kind of evidence.

    Raises ``ConfigError`` without runs, ``DeviceError`` when runs report different layers or a
    figure is negative.
    """
    check_repeats(len(runs), warm_up)
    if board.evidence not in get_args(Evidence):
        raise ConfigError(f"board {board.name}: evidence {board.evidence!r} is not a known kind")
    _check_same_layers(board.name, runs)
    rows = [_layer(board.name, timings) for timings in zip(*runs, strict=True)]
    layers = [row for row in rows if row["index"] != WHOLE_MODEL]
    whole = [row for row in rows if row["index"] == WHOLE_MODEL]
    total = _total(layers, [[t for t in run if t.index != WHOLE_MODEL] for run in runs])
    return {
        "board": board.name,
        "evidence": board.evidence,
        "clock_hz": board.clock_hz,
        "repeats": len(runs),
        "warm_up": warm_up,
        "layers": layers,
        "total": _completed(total, whole[0]) if whole else total,
        **({"whole": {key: whole[0][key] for key in total}} if whole else {}),
    }


def _completed(total: dict[str, Any], whole: Mapping[str, Any]) -> dict[str, Any]:
    """``total`` with the whole model's figures where there is no sum."""
    found = [f for f in FIGURES if total[f] is None and whole[f] is not None]
    spreads = {f: whole["spread"][f] for f in found}
    return total | {f: whole[f] for f in found} | {"spread": total["spread"] | spreads}


def _check_same_layers(board: str, runs: Sequence[Sequence[LayerTiming]]) -> None:
    def identity(run: Sequence[LayerTiming]) -> list[tuple[int, str, str, int]]:
        return [(t.index, t.name, t.op, t.macs) for t in run]

    for number, run in enumerate(runs):
        if identity(run) != identity(runs[0]):
            raise DeviceError(
                f"{board}: run {number} reports {len(run)} layers that are not the {len(runs[0])} "
                "of run 0; reset the board and profile again"
            )


def _layer(board: str, timings: Sequence[LayerTiming]) -> dict[str, Any]:
    first = timings[0]
    samples = {figure: _samples(timings, figure) for figure in FIGURES}
    for figure, values in samples.items():
        if values and min(values) < 0:
            raise DeviceError(
                f"{board}: {first.name} reports {min(values)} {figure}; reset the board"
            )
    known = {figure: values for figure, values in samples.items() if values}
    return {
        "index": first.index,
        "name": first.name,
        "op": first.op,
        "macs": first.macs,
        **{figure: _tidy(median(values)) if values else None for figure, values in samples.items()},
        "spread": {figure: _spread(values) for figure, values in known.items()},
    }


def _samples(timings: Sequence[LayerTiming], figure: str) -> list[float]:
    """One figure of one layer over the runs; empty when a run lacks it."""
    values = [getattr(timing, figure) for timing in timings]
    return [] if None in values else values


def _total(
    layers: Sequence[Mapping[str, Any]], runs: Sequence[Sequence[LayerTiming]]
) -> dict[str, Any]:
    total: dict[str, Any] = {"macs": sum(layer["macs"] for layer in layers)}
    spreads = {}
    for figure in FIGURES:
        medians = [layer[figure] for layer in layers]
        total[figure] = _tidy(sum(medians)) if medians and None not in medians else None
        if total[figure] is not None:
            spreads[figure] = _spread([sum(getattr(t, figure) for t in r) for r in runs])
    return total | {"spread": spreads}


def _spread(samples: Sequence[float]) -> dict[str, float]:
    return {name: _tidy(value) for name, value in asdict(spread(samples)).items()}


def _tidy(value: float) -> float:
    """Picoseconds are far below any clock's resolution; integers pass as they are."""
    return value if isinstance(value, int) else round(value, 6)
