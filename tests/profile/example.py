"""A measurement, complete."""

from __future__ import annotations

from hwkit.profile.measurement import Measurement
from hwkit.profile.medians import medians
from hwkit.target import Identity, LayerTiming

RUNS = [
    [
        LayerTiming(0, "l0", "Dense", 10, cycles=first),
        LayerTiming(1, "l1", "Dense", 20, cycles=second),
    ]
    for first, second in ((10, 100), (12, 90))
]
_FOUND = medians("m4", RUNS, 1)

MEASUREMENT = Measurement(
    board="m4",
    identity=Identity(
        "emulator",
        "unicorn 2.1.4",
        64_000_000,
        model="ab" * 32,
        build="12" * 8,
        cost_model="m4: 3 to 16 % low",
    ),
    model="mnist",
    model_digest="ab" * 32,
    input_digest="ef" * 32,
    repeats=2,
    warm_up=1,
    layers=_FOUND.layers,
    total=_FOUND.total,
    commit="0" * 40,
    toolchain={"zig": "0.15.1"},
    flags=("-O2", "-mcpu=cortex-m4"),
    options={"optimize": "speed"},
    time_utc="2026-01-31T12:00:00Z",
)
