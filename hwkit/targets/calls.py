"""A session made of functions, for targets whose programs start anew for each call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hwkit.closing import Closing
from hwkit.ir.types import Array
from hwkit.target import Identity, LayerTiming

Feeds = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Calls(Closing):
    """``inferring``, ``timing`` and ``resetting`` are what ``target.Session`` calls ``infer``,
    ``timed`` and ``reset``."""

    identity: Identity
    inferring: Callable[[Feeds, Sequence[str]], dict[str, Array]]
    timing: Callable[[Feeds, int, int], list[list[LayerTiming]]]
    resetting: Callable[[], None]

    def infer(self, feeds: Feeds, keep: Sequence[str] = ()) -> dict[str, Array]:
        """See ``target.Session``."""
        return self.inferring(feeds, keep)

    def timed(self, feeds: Feeds, repeats: int, warm_up: int) -> list[list[LayerTiming]]:
        """See ``target.Session``."""
        return self.timing(feeds, repeats, warm_up)

    def reset(self) -> None:
        """See ``target.Session``."""
        self.resetting()

    def close(self) -> None:
        """Nothing is open between two calls."""
