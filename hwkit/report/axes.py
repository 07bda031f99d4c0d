"""The axes of a plot: values to places, and round numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hwkit.report.markup import Markup, tag
from hwkit.report.numbers import percent

WIDTH, HEIGHT = 460, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 34, 18, 44
LEAST_SHARE = 0.01
"""Of accuracy that a plot shows at least: a point is no cliff."""
_TICKS = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from ``low`` to ``high`` at places from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def at(self, value: float) -> float:
        """Its place."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Some round numbers within it."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(k * power for k in (1, 2, 5, 10) if k * power >= rough)
        first = math.ceil(self.low / step)
        return [k * step for k in range(first, math.floor(self.high / step) + 1)]


def scale(values: Sequence[float], start: float, end: float, least: float) -> Scale:
    """Over all ``values`` with a margin, at least ``least`` wide."""
    low, high = min(values), max(values)
    margin = max((high - low) * 0.08, (least - (high - low)) / 2)
    return Scale(low - margin, high + margin, start, end)


def across_scale(values: Sequence[float]) -> Scale:
    """Of a cost, to the right."""
    return scale(values, LEFT, WIDTH - RIGHT, 1.0)


def up_scale(values: Sequence[float]) -> Scale:
    """Of an accuracy, upwards."""
    return scale(values, HEIGHT - BOTTOM, TOP, LEAST_SHARE)


def grid(across: Scale, up: Scale, shown: Callable[[float], str]) -> list[Markup]:
    """Lines at round accuracies, and texts at both axes."""
    lines: list[Markup] = []
    for value in up.ticks():
        y = up.at(value)
        lines.append(tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y))
        lines.append(tag("text", percent(value, 1), x=LEFT - 6, y=y + 4, class_="left"))
    for value in across.ticks():
        lines.append(tag("text", shown(value), x=across.at(value), y=HEIGHT - BOTTOM + 18))
    return lines
