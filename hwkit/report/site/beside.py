"""Two measurements layer by layer: which layer became slower, where networks or boards differ."""

from __future__ import annotations

from hwkit.profile.measurement import Figures
from hwkit.profile.store import Stored
from hwkit.report.elements import Column, bar, note, table
from hwkit.report.markup import Child, Markup
from hwkit.report.numbers import NONE
from hwkit.report.site.figures import FIGURES, TITLES, change, shown


def layers_beside(before: Stored, after: Stored) -> Markup:
    """The first figure of ``FIGURES`` that layers of both have. Layers of one name belong
    together, in the order of ``after``; what only one has stands alone."""
    sides = [{layer.name: layer for layer in row.measurement.layers} for row in (before, after)]
    names = [*sides[1], *(name for name in sides[0] if name not in sides[1])]
    figure = next((f for f in FIGURES if all(_has(side, f) for side in sides)), "")
    if not figure:
        return note("No figure per layer is in both.")
    pairs = {name: [_value(side.get(name), figure) for side in sides] for name in names}
    largest = max((v for pair in pairs.values() for v in pair if v is not None), default=0.0)
    columns = [
        Column("Layer"),
        Column("Op", minor=True),
        Column("Before", number=True),
        Column("After", number=True),
        Column("Change", number=True),
    ]
    rows: list[list[Child]] = []
    for name, (a, b) in pairs.items():
        layer = sides[1].get(name) or sides[0][name]
        cells = [NONE if v is None else bar(shown(figure, v), v, largest, figure) for v in (a, b)]
        rows.append([name, layer.op, *cells, change(a, b)])
    return table(TITLES[figure], columns, rows, kind="bars")


def _has(side: dict[str, Figures], figure: str) -> bool:
    return any(getattr(layer, figure) is not None for layer in side.values())


def _value(layer: Figures | None, figure: str) -> float | None:
    return None if layer is None else getattr(layer, figure)
