"""What the run shows first: are the integers equal, and how accurate are they."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.report.confusion import confusion
from hwkit.report.elements import Column, chip, details, note, section, table
from hwkit.report.interval import wilson
from hwkit.report.markup import Markup, tag
from hwkit.report.numbers import MINUS, NONE, count, percent
from hwkit.report.summary import Accuracy, Exactness, Model

_MOST_OPEN = 8
"""Comparisons without a difference beyond which they are folded away: the overview has them."""


def verdict(rows: Sequence[Exactness]) -> Markup:
    """The run in one sentence."""
    integers = sum(row.integers for row in rows)
    differing = sum(row.differing for row in rows)
    boards = len({row.board for row in rows})
    if not rows:
        return tag("p", "No board was compared with the interpreter.", class_="verdict plain")
    where = f"on {boards} board{'' if boards == 1 else 's'}"
    if differing:
        words = f"{count(differing)} of {count(integers)} integers differ {where}."
    else:
        words = f"All {count(integers)} integers are equal {where}."
    return tag("p", words, class_=f"verdict {'bad' if differing else 'good'}")


def exactness(rows: Sequence[Exactness]) -> Markup | None:
    """One row for each model and board."""
    if not rows:
        return None
    columns = [
        Column("Model"),
        Column("Board"),
        Column("Inputs", number=True, minor=True),
        Column("Integers", number=True),
        Column("Differing", number=True),
        Column("Moved", number=True),
    ]
    cells = [
        [
            row.model,
            row.board,
            count(row.inputs),
            count(row.integers),
            chip(count(row.differing), "bad" if row.differing else "good"),
            count(row.moved),
        ]
        for row in rows
    ]
    drawn = table("Outputs of each board against the integer interpreter", columns, cells)
    if len(rows) > _MOST_OPEN and not any(row.differing for row in rows):
        drawn = details(f"{len(rows)} comparisons, none of which differs", drawn)
    return section(
        "exactness",
        "Bit-exactness",
        drawn,
        note(
            "Differing: integers in which the board left the interpreter, which runs the graph as "
            "lowered for that board. Moved: integers that lowering itself changed, because the "
            "board rounds in another way."
        ),
    )


def accuracy(models: Sequence[Model]) -> Markup | None:
    """Float, fake-quantized and integer side by side, and what freezing moved."""
    if not models:
        return None
    columns = [
        Column("Model"),
        Column("Bits", minor=True),
        Column("Images", number=True, minor=True),
        Column("Float", number=True),
        Column("Fake-quantized", number=True),
        Column("Integer", number=True),
        Column("95 % interval", number=True, minor=True),
        Column("Integer − float", number=True, minor=True),  # noqa: RUF001
        Column("Moved at freeze", number=True, minor=True),
    ]
    cells = [
        [
            model.name,
            model.bits,
            count(model.test_images),
            percent(model.accuracy.float, 2),
            percent(model.accuracy.fake_quantized, 2),
            tag("strong", percent(model.accuracy.integer, 2)),
            _interval(model),
            _points(model.accuracy),
            _moved(model),
        ]
        for model in models
    ]
    return section(
        "accuracy",
        "Accuracy",
        table("Share of test images classified correctly", columns, cells),
        note(
            "Integer is the graph's own accuracy; a board that moves no integer has the same. "
            "Moved at freeze: integers in which the graph differs from the fake-quantized network "
            "in training. The interval (Wilson) is what so many images allow to say of others."
        ),
        *confusion(models),
    )


def _interval(model: Model) -> str:
    if model.accuracy.integer is None or model.test_images <= 0:
        return NONE
    low, high = wilson(model.accuracy.integer, model.test_images)
    return f"{100 * low:.1f} to {percent(high)}"


def _points(accuracy: Accuracy) -> str:
    if accuracy.float is None or accuracy.integer is None:
        return NONE
    points = (accuracy.integer - accuracy.float) * 100
    return f"{'+' if points >= 0 else MINUS}{abs(points):.2f} pt"


def _moved(model: Model) -> str:
    if model.integers_at_freeze is None:
        return count(model.moved_at_freeze)
    return f"{count(model.moved_at_freeze)} of {count(model.integers_at_freeze)}"
