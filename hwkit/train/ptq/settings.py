"""What can be chosen for a post-training quantization."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, TypedDict

from hwkit.errors import ConfigError
from hwkit.train.ptq.grids import RANGES, Style
from hwkit.train.ptq.recurrent import MOST_STEPS
from hwkit.train.ptq.twin import Widths

ROUNDINGS = ("nearest", "learned", "gptq", "gpfq")
_SWITCHES = ("equalize", "no-equalize", "correct", "no-correct")
METHODS = (*RANGES, *ROUNDINGS, *_SWITCHES)
"""Names of single methods: how ranges of activations are found, how weights are rounded, and what
is tried beside. What is not named is chosen by what the calibration data say."""


Scheme = Literal["asymmetric", "symmetric", "power_of_two"]


class Options(TypedDict, total=False):
    """Fields of ``Settings`` as keyword arguments."""

    weights: int
    activations: int
    plan: Mapping[str, int]
    ends: int | None
    ranges: str | None
    rounding: str | None
    equalize: bool | None
    correct: bool | None
    scheme: Scheme
    steps: int
    streaming: int
    seed: int


@dataclass(frozen=True, slots=True)
class Settings:
    """``weights`` and ``activations`` bits for all layers, ``plan`` those of single layers' weights
    by path, ``ends`` those of the first and the last layer with weights (None: as the rest).

    ``ranges``, ``rounding``, ``equalize`` and ``correct`` None: the best by signal to noise at the
    output, rounding being by feedback and, below 8 bits, learned. ``steps`` of learning for
    each block. ``scheme``: ``asymmetric`` activations have zero points, ``symmetric`` ones none,
    ``power_of_two`` has scales that are shifts. ``streaming``: steps that a recurrent network takes
    in one call, its states kept between calls; 0 takes whole sequences, from zeros.
    """

    weights: int = 8
    activations: int = 8
    plan: Mapping[str, int] = field(default_factory=dict)
    ends: int | None = None
    ranges: str | None = None
    rounding: str | None = None
    equalize: bool | None = None
    correct: bool | None = None
    scheme: Scheme = "asymmetric"
    steps: int = 400
    seed: int = 0
    streaming: int = 0

    def __post_init__(self) -> None:
        for what, bits in {
            "weights": self.weights,
            "activations": self.activations,
            "ends": 8 if self.ends is None else self.ends,
            **self.plan,
        }.items():
            if not 2 <= bits <= 8:
                raise ConfigError(f"{what}: {bits} bits is not in 2..8; give 2 to 8")
        if not 1 <= self.steps <= 100_000:
            raise ConfigError(f"steps: {self.steps} is not in 1..100000; leave it out")
        if not 0 <= self.streaming <= MOST_STEPS:
            raise ConfigError(
                f"streaming: {self.streaming} steps is not in 0..{MOST_STEPS}; give 1 or a few"
            )
        if self.scheme not in ("asymmetric", "symmetric", "power_of_two"):
            raise ConfigError(
                f"scheme: {self.scheme!r:.40} is unknown; use asymmetric, symmetric or power_of_two"
            )

    @property
    def style(self) -> Style:
        """What the grids of activations are like."""
        return Style(self.scheme == "symmetric", self.scheme == "power_of_two")

    @property
    def narrow(self) -> bool:
        """Whether weights of some layer have fewer than 8 bits."""
        return min(self.weights, self.ends or 8, *self.plan.values(), 8) < 8

    @property
    def rounds_slowly(self) -> bool:
        """Whether rounding is learned, or by feedback because that was asked for: minutes."""
        return self.rounding != "nearest" and (self.rounding is not None or self.narrow)

    def widths(self, layers: Iterable[str]) -> Widths:
        """Bits of a network of ``layers``; ``ConfigError`` for a plan that names none of them."""
        paths = tuple(layers)
        if not paths:
            raise ConfigError("model: has no layer with weights; nothing to quantize")
        bits = dict.fromkeys(paths, self.weights)
        if self.ends is not None:
            bits[paths[0]] = bits[paths[-1]] = self.ends
        if unknown := sorted(set(self.plan) - set(bits)):
            raise ConfigError(
                f"bit plan: layer {unknown[0]!r:.80} is not in the network; it has "
                f"{', '.join(paths[:20])}"
            )
        return Widths({**bits, **self.plan}, self.activations, max(8, self.activations))


def settings_of(options: Mapping[str, Any]) -> Settings:
    """Settings by name; ``ConfigError`` for a name that is none."""
    known = {f.name for f in fields(Settings)}
    if unknown := sorted(set(options) - known):
        raise ConfigError(f"option {unknown[0]!r:.40} is unknown; use {', '.join(sorted(known))}")
    return Settings(**options)


def with_methods(settings: Settings, names: Iterable[str]) -> Settings:
    """``settings`` with the methods of ``names`` (see METHODS), one of each kind.

    Example: ``kl`` and ``no-equalize`` set ranges and equalize.
    """
    chosen: dict[str, Any] = {}
    key: str
    value: str | bool
    for name in names:
        match name:
            case _ if name in RANGES:
                key, value = "ranges", name
            case _ if name in ROUNDINGS:
                key, value = "rounding", name
            case _ if name in _SWITCHES:
                key, value = name.removeprefix("no-"), not name.startswith("no-")
            case _:
                raise ConfigError(f"method {name!r:.40} is unknown; use {', '.join(METHODS)}")
        if key in chosen and chosen[key] != value:
            raise ConfigError(f"method {name}: {key} is {chosen[key]} already; name one")
        chosen[key] = value
    return replace(settings, **chosen)
