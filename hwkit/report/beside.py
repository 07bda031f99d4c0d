"""What stands beside a profile's figures, in words: how sure they are, and what was predicted."""

from __future__ import annotations

from collections.abc import Iterator

from hwkit.profile.measurement import Measurement
from hwkit.profile.prediction import Prediction
from hwkit.report.numbers import count, percent, real

_DRIFTED = 0.02
"""A drift that is worth a word."""


def notes(taken: Measurement) -> Iterator[str]:
    """Lines for people. Example: ``the median lies in 77.4 .. 78.3 us with 95 % confidence``."""
    of = taken.whole or taken.total
    figure = "us" if of.us is not None else "cycles"
    spread = of.spread.get(figure)
    if spread is not None and spread.low is not None and spread.high is not None:
        ends = f"{_number(spread.low)} .. {_number(spread.high)} {figure}"
        yield f"the median lies in {ends} with 95 % confidence"
    if taken.drift is not None and abs(taken.drift) > _DRIFTED:
        faster = "slower" if taken.drift > 0 else "faster"
        yield f"drift: the second half was {percent(abs(taken.drift), 1)} {faster} than the first"
    if taken.prediction is not None:
        yield predicted(taken.prediction)


def predicted(of: Prediction) -> str:
    """The prediction beside the measurement, or why there is none."""
    if of.source == "timing model":
        begin = f"timing model: {_number(of.value or 0)} {of.figure}"
    elif of.value is None:
        unknown = of.layers - of.known
        return (
            f"cost table: {unknown} of {of.layers} layers were not in it, so that it promised "
            "nothing; they are now"
        )
    else:
        begin = f"cost table: {_number(of.value)} {of.figure} of {of.known} layers that it had"
        if of.known + of.nearest < of.layers:
            begin += f", {of.layers - of.known - of.nearest} as they were measured now"
        if of.nearest:
            known = of.nearest_error
            off = "by how much is not known" if known is None else f"median error {percent(known)}"
            begin += f", {of.nearest} by the nearest shape ({off})"
    error = of.error
    if error is None:
        return begin
    return f"{begin}, {percent(abs(error), 1)} {'more' if error >= 0 else 'less'} than measured"


def _number(value: float) -> str:
    return count(value) if isinstance(value, int) else real(value)
