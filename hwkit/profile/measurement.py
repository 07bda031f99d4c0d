"""The one record of a measurement, from the device to the page.

What answered (``target.Identity``), what it ran, how often, and the figures of every layer. What
the figures are worth follows from the identity: no file and no option can say otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hwkit.profile.prediction import Prediction
from hwkit.profile.statistics import Spread
from hwkit.record import from_json, to_json
from hwkit.target import Evidence, Identity

_DERIVED = ("evidence", "clock_hz", "cycle_model")
"""Keys of the JSON that are no fields: they stand in the identity."""


def now_utc() -> str:
    """ISO 8601 to the second. Example: ``2026-01-31T12:00:00Z``."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one layer, or of the whole model (index ``WHOLE_MODEL``), over the repeats.

    None is a figure that the board can't give. ``spread`` has the statistics of each figure that
    is known, by its name.
    """

    index: int
    name: str
    op: str
    macs: int
    instructions: int | float | None = None
    cycles: int | float | None = None
    us: int | float | None = None
    spread: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One profile of one model in one place.

    ``layers`` in the lowered graph's order; ``call`` what an inference takes beside them, None
    where that is in the layers or not known; ``total`` the sums over both, None where one layer
    lacks the figure and nothing timed the whole; ``whole`` the model timed at once where the
    target does that: the layers, timed one by one, need not add up to it. ``model_digest`` is the
    SHA-256 of the ``.hwk`` file as given, ``input_digest`` that of the input's integers;
    ``toolchain`` program to version, ``flags`` of the compiler or runtime; ``options`` what shaped
    the build (``optimize``, ...); ``commit`` of the source; ``warm_up`` and ``repeats`` as they
    were run; ``drift`` by which the second half of them was slower than the first (0.03: 3 %; None
    where figures do not change or there are too few); ``prediction`` what was known of it before.
    """

    board: str
    identity: Identity
    model: str
    model_digest: str
    input_digest: str
    repeats: int
    warm_up: int
    layers: tuple[Figures, ...]
    total: Figures
    whole: Figures | None = None
    call: Figures | None = None
    commit: str = ""
    toolchain: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    options: Mapping[str, str | int] = field(default_factory=dict)
    drift: float | None = None
    prediction: Prediction | None = None
    time_utc: str = field(default_factory=now_utc)

    @property
    def evidence(self) -> Evidence:
        """What the figures are worth."""
        return self.identity.evidence

    @property
    def clock_hz(self) -> int | None:
        """That cycles were counted at; None without one."""
        return self.identity.clock_hz

    @property
    def cycle_model(self) -> str | None:
        """Which model cycles come from and what is known of its error; None where they are
        counted."""
        return self.identity.cost_model or None

    def to_json(self) -> dict[str, Any]:
        """As ``hwkit profile --json`` prints it."""
        value: dict[str, Any] = to_json(self)
        for key in ("whole", "call", "prediction"):
            if value[key] is None:
                del value[key]
        return {
            "board": self.board,
            "evidence": self.evidence,
            "clock_hz": self.clock_hz,
            "cycle_model": self.cycle_model,
            **value,
        }


def parse(value: Any, where: str) -> Measurement:
    """The inverse of ``Measurement.to_json``; ``FormatError`` names the first key that is wrong."""
    return from_json(Measurement, plain(value), where)


def plain(value: Any) -> Any:
    """The JSON of a measurement without what follows from its identity."""
    if not isinstance(value, dict):
        return value
    return {key: item for key, item in value.items() if key not in _DERIVED}
