"""A plan in stages as one SVG file: the arena over time, the tiles, and the front of all plans."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hwkit.lower.patch.costs import Tiling
from hwkit.lower.patch.plan import PatchPlan
from hwkit.lower.patch.schedule import halo
from hwkit.report.markup import Markup, tag
from hwkit.report.numbers import byte_size, count

WIDTH, ARENA_HEIGHT, TILE_SIZE, FRONT_HEIGHT = 960, 300, 110, 220
_LEFT, _TOP, _GAP = 70, 40, 60
_MEANINGS = {"map": "maps, rows of a turn", "halo": "kept between turns", "scratch": "scratch"}
_STYLE = """
text { font: 12px sans-serif; fill: #222 } .title { font-size: 14px; font-weight: bold }
.map { fill: #8db4d9 } .scratch { fill: #f0c27b } .halo { fill: #a3cf9e } .result { fill: #eee }
rect { stroke: #444 }
line, polyline { stroke: #999; fill: none } .chosen { fill: #c0392b } circle { fill: #34648f }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    name: str
    kind: str
    offset: int
    size: int
    first: int
    last: int


def picture(chosen: PatchPlan, front: Sequence[PatchPlan] = ()) -> str:
    """The text of an SVG file: above the arena of ``chosen``, a box for what each tensor takes
    while it lives (layers to the right, addresses upwards), below its tiles and ``front``."""
    height = _TOP + ARENA_HEIGHT + _GAP
    parts = [_arena(chosen)]
    if chosen.staged:
        parts.append(tag("g", *_tiles(chosen), transform=f"translate(0 {height})"))
        height += TILE_SIZE + 2 * _GAP
    if front:
        parts.append(tag("g", *_front(chosen, front), transform=f"translate(0 {height})"))
        height += FRONT_HEIGHT + _GAP
    svg = tag(
        "svg",
        tag("style", Markup(_STYLE)),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        width=WIDTH,
        height=height,
    )
    return f"{svg}\n"


def _arena(plan: PatchPlan) -> Markup:
    boxes = list(_boxes(plan))
    layers = len(plan.graph.nodes)
    across = (WIDTH - 2 * _LEFT) / max(layers, 1)
    up = ARENA_HEIGHT / max(plan.arena_bytes, 1)
    bottom = _TOP + ARENA_HEIGHT
    drawn = [
        tag(
            "rect",
            tag("title", f"{box.name}: {count(box.size)} bytes at {count(box.offset)}"),
            class_=box.kind,
            x=_LEFT + box.first * across,
            y=bottom - (box.offset + box.size) * up,
            width=(box.last + 1 - box.first) * across,
            height=box.size * up,
        )
        for box in boxes
    ]
    share = plan.macs / plan.plain_macs if plan.plain_macs else 1
    title = f"Arena of {count(plan.arena_bytes)} bytes, {share:.3f} times the multiplications"
    ticks = [
        tag(
            "text", byte_size(round(plan.arena_bytes * k / 4)), x=4, y=bottom - ARENA_HEIGHT * k / 4
        )
        for k in range(5)
    ]
    steps = [
        tag("text", str(k), x=_LEFT + (k + 0.2) * across, y=bottom + 16)
        for k in range(0, layers, max(1, layers // 16))
    ]
    heading = tag("text", title, x=_LEFT, y=20, class_="title")
    return tag("g", heading, *_legend(), *drawn, *ticks, *steps)


def _legend() -> Iterator[Markup]:
    """What the colours of the arena mean."""
    for k, (kind, meaning) in enumerate(_MEANINGS.items()):
        x = WIDTH / 2 + 40 + k * 135
        yield tag("ellipse", class_=kind, cx=x, cy=16, rx=6, ry=6)
        yield tag("text", meaning, x=x + 10, y=20)


def _boxes(plan: PatchPlan) -> Iterator[_Box]:
    """What lies where from which layer to which."""
    halos = {halo(name) for stage in plan.stages for name in stage.buffers}
    spans = plan.steps
    for placed in plan.memory.placements:
        if not placed.size_bytes:
            continue
        kind = "scratch" if placed.kind == "scratch" else "map"
        kind = "halo" if placed.tensor in halos else kind
        first, last = spans[placed.first_layer][0], spans[placed.last_layer][1]
        base = plan.memory.base(placed.region)
        yield _Box(placed.tensor, kind, base + placed.offset, placed.size_bytes, first, last - 1)


def _tiles(plan: PatchPlan) -> Iterator[Markup]:
    """The result of each stage, cut where turns and strips end."""
    yield tag("text", "Results of stages, by layers: the rows of each turn", x=_LEFT, y=0,
              class_="title")  # fmt: skip
    room = (WIDTH - 2 * _LEFT) / max(len(plan.staged), 1)
    for k, tiling in enumerate(plan.staged):
        nodes = plan.nodes(tiling)
        rows, columns, _ = plan.graph.tensors[nodes[-1].output].shape
        size = min(TILE_SIZE, room - 20)
        x, y = _LEFT + k * room, 16
        scale = size / max(rows, columns)
        yield tag("rect", class_="result", x=x, y=y, width=columns * scale, height=rows * scale)
        for at in _cuts(plan, tiling):
            yield tag("line", x1=x, x2=x + columns * scale, y1=y + at * scale, y2=y + at * scale)
        for at in range(tiling.columns, columns, tiling.columns) if tiling.columns else ():
            yield tag("line", x1=x + at * scale, x2=x + at * scale, y1=y, y2=y + rows * scale)
        layers = f"{tiling.first} to {tiling.last - 1}"
        yield tag("text", layers, x=x, y=y + TILE_SIZE + 16)


def _cuts(plan: PatchPlan, tiling: Tiling) -> list[int]:
    """The rows of a stage's result at which its turns end."""
    stage = plan.stage(tiling)
    last = [turn.parts[-1] for turn in stage.turns]
    return [part.rows.stop for part in last if part is not None][:-1]


def _front(chosen: PatchPlan, front: Sequence[PatchPlan]) -> Iterator[Markup]:
    """Bytes to the right, work upwards."""
    title = "Plans: bytes of activations (to the right), times the multiplications (upwards)"
    yield tag("text", title, x=_LEFT, y=0, class_="title")
    # One that costs less besides than a plan of fewer bytes is not on the front, yet chosen.
    apart = [] if any(_same(plan, chosen) for plan in front) else [chosen]
    sizes = [plan.arena_bytes for plan in (*front, *apart)]
    least, spread = min(sizes), max(max(sizes) - min(sizes), 1)
    work = [plan.macs / max(plan.plain_macs, 1) for plan in front]
    top = max(*work, 1.01)

    def place(plan: PatchPlan, factor: float) -> tuple[float, float]:
        x = _LEFT + (WIDTH - 4 * _LEFT) * (plan.arena_bytes - least) / spread
        return x, FRONT_HEIGHT - (FRONT_HEIGHT - 40) * (factor - 1) / (top - 1)

    points = [place(plan, factor) for plan, factor in zip(front, work, strict=True)]
    yield tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
    for plan in (*front, *apart):
        factor = plan.macs / max(plan.plain_macs, 1)
        x, y = place(plan, factor)
        about = f"{count(plan.arena_bytes)} bytes, {factor:.3f} times the work"
        kind = "chosen" if _same(plan, chosen) else None
        yield tag("circle", tag("title", about), cx=x, cy=y, r=5, class_=kind)
        yield tag("text", f"{byte_size(plan.arena_bytes)}, {factor:.2f}x", x=x + 8, y=y - 6)


def _same(one: PatchPlan, other: PatchPlan) -> bool:
    return (one.arena_bytes, one.macs) == (other.arena_bytes, other.macs)
