"""The hls4ml estimator against published reports: python -m benchmarks.hls4ml

Fits the laws of ``hwkit.targets.hls4ml.estimate`` to two thirds of the networks of
``calibration.csv``, states their error on the others, and prints the coefficients.
"""

from __future__ import annotations

import csv
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from benchmarks.csvfile import write
from hwkit.ir.types import Array
from hwkit.targets.hls4ml.estimate import DSP_WEIGHT_BITS, Kernel

SETS = ("wa_hls4ml_2layer", "wa_hls4ml_3layer")


@dataclass(frozen=True)
class Point:
    """One published report: a dense network, the reuse factors that hls4ml took, and what came."""

    widths: tuple[int, ...]
    bits: int
    reuse: tuple[int, ...]
    reported: dict[str, int]

    def kernels(self) -> list[Kernel]:
        pairs = zip(self.widths, self.widths[1:], strict=False)
        return [Kernel(i, o, 1, i * o, self.bits) for i, o in pairs]

    def multipliers(self) -> int:
        kernels = zip(self.kernels(), self.reuse, strict=True)
        return sum(k.inputs * k.outputs // reuse for k, reuse in kernels)

    def ff_features(self) -> list[float]:
        return [self.widths[0], sum(self.widths[1:-1]), self.widths[-1]]

    def lut_features(self) -> list[float]:
        weights = sum(k.inputs * k.outputs for k in self.kernels())
        return [*self.ff_features(), self.multipliers() * self.bits, weights * self.bits]


def points() -> list[Point]:
    """The Resource-strategy points of the calibration file."""
    text = (files("hwkit.targets.hls4ml") / "calibration.csv").read_text()
    rows = [row for row in csv.DictReader(text.splitlines()) if row["set"] in SETS]
    return [_point(row) for row in rows]


def _point(row: dict[str, str]) -> Point:
    widths = tuple(map(int, row["layers"].split("-")))
    bits, wanted = int(row["weight_bits"]), int(row["requested_reuse"])
    bare = Point(widths, bits, (), {})
    reuse = tuple(_nearest(k.reuse_factors(), wanted) for k in bare.kernels())
    reported = {name: int(row[name]) for name in ("latency_cycles", "dsp", "ff", "lut")}
    return Point(widths, bits, reuse, reported)


def _nearest(factors: list[int], wanted: int) -> int:
    """What hls4ml takes for a reuse factor that it cannot have; the smaller of two as near."""
    after = bisect_left(factors, wanted)
    near = factors[max(after - 1, 0) : after + 1]
    return min(near, key=lambda factor: (abs(factor - wanted), factor))


def held_out(all_points: list[Point]) -> Array:
    """True for the points of every third network: the fit sees none of its points."""
    networks = sorted({point.widths for point in all_points})
    return np.array([networks.index(point.widths) % 3 == 2 for point in all_points])


def fit(
    all_points: list[Point], name: str, features: Callable[[Point], list[float]]
) -> tuple[Array, Array]:
    """Coefficients of least relative squares, and the relative error at every point."""
    reported = np.array([point.reported[name] for point in all_points], float)
    relative = np.array([features(point) for point in all_points], float) / reported[:, None]
    seen = relative[~held_out(all_points)]
    coefficients = np.linalg.lstsq(seen, np.ones(len(seen)), rcond=None)[0]
    return coefficients, relative @ coefficients - 1


def exact(all_points: list[Point]) -> dict[str, Array]:
    """Relative errors of the two laws without coefficients: cycles and DSP."""
    cycles = [sum(p.reuse) + 2 * len(p.reuse) - 1 for p in all_points]
    dsp = [p.multipliers() if p.bits >= DSP_WEIGHT_BITS else 0 for p in all_points]
    found = {"latency_cycles": cycles, "dsp": dsp}
    return {
        name: np.array(
            [
                v / max(p.reported[name], 1) - (p.reported[name] > 0)
                for v, p in zip(values, all_points, strict=True)
            ]
        )
        for name, values in found.items()
    }


def main() -> None:
    """Prints the coefficients and writes ``results/hls4ml_estimator.csv``."""
    found = points()
    lut, lut_error = fit(found, "lut", Point.lut_features)
    ff, ff_error = fit(found, "ff", Point.ff_features)
    print("LUT", np.round(lut, 4).tolist(), "FF", np.round(ff, 2).tolist())
    unseen = held_out(found)
    errors = {**exact(found), "ff": ff_error, "lut": lut_error}
    rows = [
        {
            "quantity": name,
            "strategy": "Resource",
            "points_fitted": int((~unseen).sum()),
            "points_held_out": int(unseen.sum()),
            "mean_error_percent": round(100 * float(np.abs(error[unseen]).mean()), 1),
            "largest_error_percent": round(100 * float(np.abs(error[unseen]).max()), 1),
            "evidence": "estimated",
        }
        for name, error in errors.items()
    ]
    write("hls4ml_estimator", rows)
    for row in rows:
        print(row)


if __name__ == "__main__":
    main()
