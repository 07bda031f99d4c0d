"""A whole model's time from what its layers took before, beside what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Figure = Literal["cycles", "us"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """``value`` of one inference in the unit of ``figure``, None where a layer is not known, in
    ``low..high`` (the intervals of the layers' medians, added up; None where one has none).

    ``known`` of ``layers`` were in the cost table, measured in ``models``; ``nearest`` more took
    the figure of the nearest shape, whose own error was ``nearest_error`` (the largest of them;
    None where the table is too small to say). ``source`` is "costs", or "timing model" where a
    design's cycles are computed. ``measured`` is what the board then took.
    """

    source: Literal["costs", "timing model"]
    figure: Figure
    value: int | float | None
    measured: int | float | None = None
    layers: int = 0
    known: int = 0
    low: int | float | None = None
    high: int | float | None = None
    nearest: int = 0
    nearest_error: float | None = None
    models: tuple[str, ...] = ()

    @property
    def error(self) -> float | None:
        """Predicted over measured, less 1. Example: 97 of 100 cycles give -0.03."""
        if self.value is None or not self.measured:
            return None
        return self.value / self.measured - 1
