"""A figure over commits as a small line chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwkit.report.markup import Markup, tag

WIDTH, HEIGHT = 640, 160
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 12, 12, 24


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: what the axis says below it, its value, where it leads and what it says."""

    label: str
    value: float
    href: str
    title: str


def trend(points: Sequence[Point], shown: Sequence[str], name: str) -> Markup:
    """The values of ``points``, oldest first, from 0; ``shown`` are the texts of the axis at 0 and
    at the largest value. Points are links. Example: two points of 100 and 103 lie at nearly the
    same height: a chart from 0 makes no small change look large."""
    largest = max((point.value for point in points), default=0.0) or 1.0
    width = WIDTH - _LEFT - _RIGHT
    height = HEIGHT - _TOP - _BOTTOM

    def at(index: int, value: float) -> tuple[float, float]:
        x = _LEFT + (width / 2 if len(points) == 1 else index * width / (len(points) - 1))
        return x, _TOP + height * (1 - value / largest)

    places = [at(k, point.value) for k, point in enumerate(points)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dots = [
        tag(
            "a",
            tag("circle", tag("title", point.title), cx=x, cy=y, r=4),
            href=point.href,
            aria_label=point.title,
        )
        for point, (x, y) in zip(points, places, strict=True)
    ]
    axis = [
        tag("line", x1=_LEFT, x2=WIDTH - _RIGHT, y1=y, y2=y)
        for y in (_TOP, _TOP + height / 2, _TOP + height)
    ]
    texts = [
        tag("text", shown[1], x=_LEFT - 8, y=_TOP + 4, text_anchor="end"),
        tag("text", shown[0], x=_LEFT - 8, y=_TOP + height + 4, text_anchor="end"),
        tag("text", points[0].label, x=_LEFT, y=HEIGHT - 6),
    ]
    if len(points) > 1:
        end = WIDTH - _RIGHT
        texts.append(tag("text", points[-1].label, x=end, y=HEIGHT - 6, text_anchor="end"))
    return tag(
        "svg",
        tag("title", name),
        *axis,
        tag("polyline", points=line),
        *dots,
        *texts,
        class_="trend",
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
    )
