"""Repeated runs of one artifact become the figures of a measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hwkit.errors import DeviceError
from hwkit.profile.measurement import Figures
from hwkit.profile.statistics import Spread, check_repeats, median, spread
from hwkit.target import CALL, WHOLE_MODEL, LayerTiming

FIGURES = ("instructions", "cycles", "us")


@dataclass(frozen=True, slots=True)
class Medians:
    """What ``Measurement`` calls ``layers``, ``total``, ``whole`` and ``call``."""

    layers: tuple[Figures, ...]
    total: Figures
    whole: Figures | None
    call: Figures | None = None


def medians(board: str, runs: Sequence[Sequence[LayerTiming]], warm_up: int = 0) -> Medians:
    """The medians of ``runs`` (repeats x layers, all taken on ``board``) and their spread.

    ``total`` has the sums of the layers' medians (and the call's, where there is one), and the
    spread of the sums of each run; a sum that lacks a layer is None, or the whole model's figure
    where the target timed that too.

    Raises ``ConfigError`` without runs, ``DeviceError`` when runs report different layers or a
    figure is negative.
    """
    check_repeats(len(runs), warm_up)
    _check_same_layers(board, runs)
    rows = [_figures(board, timings) for timings in zip(*runs, strict=True)]
    layers = tuple(row for row in rows if row.index not in (WHOLE_MODEL, CALL))
    whole, call = (
        next((row for row in rows if row.index == index), None) for index in (WHOLE_MODEL, CALL)
    )
    parts = layers if call is None else (*layers, call)
    total = _total(parts, [[t for t in run if t.index != WHOLE_MODEL] for run in runs])
    return Medians(layers, total if whole is None else _completed(total, whole), whole, call)


def _completed(total: Figures, whole: Figures) -> Figures:
    """``total`` with the whole model's figures where there is no sum."""
    found = {
        name: getattr(whole, name)
        for name in FIGURES
        if getattr(total, name) is None and getattr(whole, name) is not None
    }
    spreads = {name: whole.spread[name] for name in found}
    return replace(total, **found, spread={**total.spread, **spreads})


def _check_same_layers(board: str, runs: Sequence[Sequence[LayerTiming]]) -> None:
    def identity(run: Sequence[LayerTiming]) -> list[tuple[int, str, str, int]]:
        return [(t.index, t.name, t.op, t.macs) for t in run]

    for number, run in enumerate(runs):
        if identity(run) != identity(runs[0]):
            raise DeviceError(
                f"{board}: run {number} reports {len(run)} layers that are not the {len(runs[0])} "
                "of run 0; reset the board and profile again"
            )


def _figures(board: str, timings: Sequence[LayerTiming]) -> Figures:
    first = timings[0]
    samples = {figure: _samples(timings, figure) for figure in FIGURES}
    for figure, values in samples.items():
        if values and min(values) < 0:
            raise DeviceError(
                f"{board}: {first.name} reports {min(values)} {figure}; reset the board"
            )
    known = {figure: values for figure, values in samples.items() if values}
    return Figures(
        first.index,
        first.name,
        first.op,
        first.macs,
        **{figure: _tidy(median(values)) for figure, values in known.items()},
        spread={figure: _spread(values) for figure, values in known.items()},
    )


def _samples(timings: Sequence[LayerTiming], figure: str) -> list[float]:
    """One figure of one layer over the runs; empty when a run lacks it."""
    values = [getattr(timing, figure) for timing in timings]
    return [] if None in values else values


def _total(layers: Sequence[Figures], runs: Sequence[Sequence[LayerTiming]]) -> Figures:
    sums, spreads = {}, {}
    for figure in FIGURES:
        found = [getattr(layer, figure) for layer in layers]
        if found and None not in found:
            sums[figure] = _tidy(sum(found))
            spreads[figure] = _spread([sum(getattr(t, figure) for t in r) for r in runs])
    work = sum(layer.macs for layer in layers)
    return Figures(WHOLE_MODEL, "total", "Model", work, **sums, spread=spreads)


def _spread(samples: Sequence[float]) -> Spread:
    found = spread(samples)
    ends = (None if end is None else _tidy(end) for end in (found.low, found.high))
    return Spread(*map(_tidy, (found.min, found.median, found.p95, found.mad)), *ends)


def _tidy(value: float) -> float:
    """Picoseconds are far below any clock's resolution; integers pass as they are."""
    return value if isinstance(value, int) else round(value, 6)
