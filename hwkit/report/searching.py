"""What ``hwkit search`` looked at: the plots of those that were trained in full, and all shapes."""

from __future__ import annotations

from hwkit.report.elements import Column, badge, chip, note, section, table
from hwkit.report.markup import Child, Markup, tag
from hwkit.report.numbers import NONE, percent
from hwkit.report.summary import Searched
from hwkit.report.tuning import COSTS, figures, plots

_LEGEND = (
    "Circles: networks of the search that were trained in full, by number; filled: the one that "
    "was kept. Squares: recipes to compare with. Accuracy is of integers on samples held out of "
    "training, by which the search chose. The line joins what no other beats in both accuracy and "
    "cost; the dashed one is the limit."
)


def search(found: Searched | None) -> Markup | None:
    """Plots, those trained in full, and every network that was measured."""
    if found is None:
        return None
    kinds = sorted({one.state.evidence for one in found.tried})
    verdict = chip("holds", "good") if found.chosen else chip("does not hold", "bad")
    return section(
        "search",
        "Search",
        tag("h3", f"{found.network} on {found.board} ", *(badge(kind) for kind in kinds)),
        tag("p", "Asked for: ", tag("code", found.asked), " ", verdict),
        plots(found.tried, found.chosen, found.limits, _LEGEND),
        figures(found.tried, found.chosen),
        _shapes(found),
        note(
            "Costs of a shape are measured before it is trained, with random weights. Accuracies "
            "of short trainings only rank networks among each other."
        ),
    )


def _shapes(found: Searched) -> Markup:
    names = list(dict.fromkeys(name for one in found.looked_at for name in one.chosen))
    keys = [key for key in COSTS if any(key in one.figures for one in found.looked_at)]
    longest = max((len(one.rungs) for one in found.looked_at), default=0)
    columns = [
        Column("Network", number=True),
        *(Column(name.removeprefix("blocks."), number=True, minor=True) for name in names),
        *(Column(COSTS[key][0], number=True) for key in keys),
        Column("Budget"),
        *(Column(f"Rung {k + 1}", number=True) for k in range(longest)),
    ]
    rows: list[list[Child]] = []
    for one in found.looked_at:
        ranks = [percent(accuracy, 1) for accuracy in one.rungs]
        rows.append([
            str(one.number),
            *(one.chosen.get(name, NONE) for name in names),
            *(COSTS[key][1](one.figures[key]) if key in one.figures else NONE for key in keys),
            chip("holds" if one.holds else "does not hold", "good" if one.holds else "bad"),
            *ranks,
            *[NONE] * (longest - len(ranks)),
        ])  # fmt: skip
    return table("All shapes that were measured, in order", columns, rows)
