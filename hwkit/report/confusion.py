"""Which class is taken for which."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.report.elements import Column, details, table
from hwkit.report.markup import Child, Markup, join, tag
from hwkit.report.numbers import count
from hwkit.report.summary import Model

MOST_CLASSES = 20
"""More make no table that one can read; the mistakes made most often are told then too."""
_SHADES = 4


def confusion(models: Sequence[Model]) -> list[Markup]:
    """For each network that has counts, folded away."""
    return [_matrix(model) for model in models if model.confusion]


def mistakes(counts: Sequence[Sequence[int]], most: int = 3) -> list[tuple[int, int, int]]:
    """Class, the class it was taken for, how often; most often first."""
    wrong = [(k, j, n) for k, row in enumerate(counts) for j, n in enumerate(row) if n and j != k]
    return sorted(wrong, key=lambda one: -one[2])[:most]


def _matrix(model: Model) -> Markup:
    counts = model.confusion
    told = "; ".join(f"{k} taken for {j}: {count(n)}" for k, j, n in mistakes(counts))
    summary = f"{model.name}: classes mistaken for each other"
    line = tag("p", f"Most often {told}." if told else "No image of the test set was mistaken.")
    if len(counts) > MOST_CLASSES:
        return details(summary, line)
    columns = [Column("Class"), *(Column(str(k), number=True) for k in range(len(counts)))]
    largest = max((n for *_, n in mistakes(counts, 1)), default=1)
    rows: list[list[Child]] = [
        [str(k), *(_cell(n, j == k, largest) for j, n in enumerate(row))]
        for k, row in enumerate(counts)
    ]
    drawn = table("A row for each class, a column for what it was taken for", columns, rows,
                  kind="confusion")  # fmt: skip
    return details(summary, join(line, drawn))


def _cell(number: int, right: bool, largest: int) -> Child:
    if not number:
        return ""
    shade = "right" if right else f"wrong s{-(-number * _SHADES // largest)}"
    return tag("span", count(number), class_=shade)
