"""Measurements of two networks on two boards over three commits, made up."""

from __future__ import annotations

from dataclasses import replace

from hwkit.profile.measurement import Figures, Measurement
from hwkit.profile.store.measurements import Exactness, Stored
from hwkit.target import WHOLE_MODEL, Identity

HOSTILE = '<b>"net/../&"</b>'
"""A network's name that would do harm as HTML, and as a file's name."""


def measurement(
    model: str, board: str, cycles: int, commit: str = "c0ffee" * 6, **options: str
) -> Measurement:
    """Three layers: ``cycles``, its half, and one."""
    names = [("conv", cycles), ("pool", cycles // 2), ("fc", 1)]
    layers = [Figures(k, name, "Conv2d", 100, 2 * n, n) for k, (name, n) in enumerate(names)]
    total = sum(n for _, n in names)
    return Measurement(
        board=board,
        identity=Identity("emulator", "unicorn", 1_000_000, cost_model="cortex-m4 1"),
        model=model,
        model_digest="d" * 64,
        input_digest="e" * 64,
        repeats=1,
        warm_up=0,
        layers=tuple(layers),
        total=Figures(WHOLE_MODEL, "total", "Model", 300, 2 * total, total, float(total)),
        commit=commit,
        toolchain={"zig": "0.17.0"},
        flags=("-O2",),
        options=options,
        time_utc="2026-01-31T12:00:00Z",
    )


def stored() -> list[Stored]:
    """As a store gives them, the oldest first."""
    rows = []
    for commit, cycles in (("a" * 40, 1000), ("b" * 40, 1030), ("c" * 40, 1030)):
        for model in ("digits", HOSTILE):
            for board in ("virtual_m4", "virtual_m0"):
                rows.append(measurement(model, board, cycles, commit))
    rows.append(measurement("digits", "virtual_m4", 700, optimize="speed"))
    rows.append(replace(rows[0], layers=(), total=replace(rows[0].total, us=None, cycles=None)))
    found = [Exactness(2, 20, 0), Exactness(2, 20, 3), None]
    return [Stored(k + 1, row, found[k % 3]) for k, row in enumerate(rows)]
