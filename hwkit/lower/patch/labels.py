"""Which tensors of a chain of layers to compute again: all choices that no other beats.

From the result back to the source, a step a kept tensor: what lies between two kept ones is
computed again, and costs what it costs whatever is chosen elsewhere. So the choices are paths, and
those that others beat in every respect are dropped on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hwkit.lower.memory import aligned
from hwkit.lower.patch.pace import Held, Spans, held
from hwkit.lower.patch.spans import Reach

AGAIN = 3
"""The most tensors in a row that are computed again."""


@dataclass(frozen=True, slots=True)
class Label:
    """``halo_bytes`` of what is kept so far, the most ``buffer_bytes`` at once beside these, more
    work than without computing again; of the tensor that the path has come to ``own_bytes``: what
    its buffer takes beside its halo, whose bytes are free meanwhile; ``again`` by place, 0 the
    source."""

    halo_bytes: int
    buffer_bytes: int
    extra_macs: int
    own_bytes: int
    again: tuple[int, ...] = ()

    @property
    def size_bytes(self) -> int:
        return self.halo_bytes + self.buffer_bytes

    def beats(self, other: Label) -> bool:
        """No worse in anything."""
        return (
            self.halo_bytes <= other.halo_bytes
            and self.buffer_bytes <= other.buffer_bytes
            and self.extra_macs <= other.extra_macs
            and self.own_bytes <= other.own_bytes
        )


@dataclass(frozen=True, slots=True)
class _Segment:
    """Between a kept tensor and the next: what the first one holds, rows of each tensor between,
    and how many rows of each are made more than once."""

    source: Held
    rows: tuple[int, ...]
    more: tuple[int, ...]


@dataclass(slots=True)
class Segments:
    """A chain: how each layer reads, and the new rows of each tensor, the source first, when all
    are kept."""

    reach: Sequence[Reach]
    spans: Sequence[Spans]
    known: dict[tuple[int, int], _Segment] = field(default_factory=dict)

    def segment(self, start: int, end: int) -> _Segment:
        """From kept tensor ``start`` to ``end``, which layer ``end - 1`` makes."""
        if (start, end) not in self.known:
            spans, rows, more = self.spans[end], [], []
            for place in range(end - 1, start, -1):
                spans = [self.reach[place].read(*span) for span in spans]
                rows.append(max(stop - first for first, stop in spans))
                made = sum(stop - first for first, stop in spans)
                more.append(made - self.spans[place][-1][1])
            read = [self.reach[start].read(*span) for span in spans]
            found = held(self.spans[start], [read])
            self.known[start, end] = _Segment(found, tuple(reversed(rows)), tuple(reversed(more)))
        return self.known[start, end]

    def labels(
        self,
        layers: int,
        row_bytes: Sequence[int],
        macs: Sequence[int],
        scratch: Sequence[int],
        most: tuple[int, int],
        over: Sequence[bool],
    ) -> list[Label]:
        """Of the first ``layers``: all choices that no other beats, of those with fewer bytes and
        at most so many more multiplications as ``most`` has. ``row_bytes`` of each tensor, the
        source first (0 where it takes none in here), ``macs`` of a row that each layer makes,
        ``scratch`` bytes of each layer, and whether it may write ``over`` what it reads."""
        best: list[list[Label]] = [[] for _ in range(layers + 1)]
        best[layers] = [Label(0, 0, 0, 0)]
        for end in range(layers, 0, -1):
            for start in range(max(end - 1 - AGAIN, 0), end):
                step = self.segment(start, end)
                for label in best[end]:
                    new = _extended(label, step, start, end, row_bytes, macs, scratch, over)
                    if new.size_bytes < most[0] and new.extra_macs <= most[1]:
                        _keep(best[start], new)
        return best[0]


def _extended(
    label: Label,
    step: _Segment,
    start: int,
    end: int,
    row_bytes: Sequence[int],
    macs: Sequence[int],
    scratch: Sequence[int],
    over: Sequence[bool],
) -> Label:
    kept = aligned(step.source.kept * row_bytes[start])
    # The halo of what arrives is there beside its buffer.
    own = aligned(step.source.rows * row_bytes[start]) - (kept if start else 0)
    inside = (aligned(n * row_bytes[start + k]) for k, n in enumerate(step.rows, 1))
    sizes = [own, *inside, label.own_bytes]
    pairs = [
        (max(a, b) if over[start + k] and start + k else a + b) + aligned(scratch[start + k])
        for k, (a, b) in enumerate(pairwise(sizes))
    ]
    extra = sum(n * macs[start + k] for k, n in enumerate(step.more))
    return Label(
        label.halo_bytes + kept,
        max(label.buffer_bytes, *pairs),
        label.extra_macs + extra,
        own,
        (*range(start + 1, end), *label.again),
    )


def _keep(labels: list[Label], new: Label) -> None:
    """Adds ``new`` unless one is no worse, and drops those that it beats."""
    if not any(label.beats(new) for label in labels):
        labels[:] = [label for label in labels if not new.beats(label)]
        labels.append(new)
