"""The loop: what the plan changed, what it promised, and what the retrained network measures."""

from __future__ import annotations

from hwkit.report.elements import Column, badge, chip, details, note, section, table
from hwkit.report.markup import Child, Markup, join, tag
from hwkit.report.numbers import MINUS, NONE, count, milliseconds, percent, real, signed_percent
from hwkit.report.summary import Loop, LoopState


def loop(found: Loop | None) -> Markup | None:
    """Before, predicted and after, then the plan and the tables it came from."""
    if found is None:
        return None
    verdict = None
    if found.within_budget is not None:
        kept = found.within_budget
        words = "the budget holds" if kept else "the budget does not hold"
        verdict = chip(words, "good" if kept else "bad")
    return section(
        "loop",
        "The loop",
        tag(
            "p",
            f"{found.model} on {found.board} under the budget ",
            tag("code", found.budget),
            " ",
            verdict,
        ),
        _states(found),
        note("Error of the prediction: predicted against after. Change: after against before."),
        _plan(found),
        details("Cost table and sensitivities", _costs(found)),
    )


def _states(found: Loop) -> Markup:
    before, predicted, after = found.before, found.predicted, found.after
    columns = [
        Column(""),
        Column(join("Before ", badge(before.evidence)), number=True),
        Column(join("Predicted ", badge(predicted.evidence)), number=True),
        Column(join("After ", badge(after.evidence)), number=True),
        Column("Change", number=True),
        Column("Error of the prediction", number=True, minor=True),
    ]
    rows: list[list[Child]] = []
    for title, key in (("Cycles", "cycles"), ("Time", "us"), ("Flash bytes", "flash_bytes")):
        values = [getattr(state, key) for state in (before, predicted, after)]
        if all(value is None for value in values):
            continue
        shown = milliseconds if key == "us" else count
        change = signed_percent(values[2], values[0])
        error = signed_percent(values[1], values[2])
        rows.append([title, *(shown(value) for value in values), change, error])
    shares = [percent(state.accuracy, 2) for state in (before, predicted, after)]
    rows.append(["Accuracy, integer", *shares, _points(before, after), NONE])
    return table("Before, predicted and after", columns, rows)


def _points(before: LoopState, after: LoopState) -> str:
    if before.accuracy is None or after.accuracy is None:
        return NONE
    points = (after.accuracy - before.accuracy) * 100
    return f"{'+' if points >= 0 else MINUS}{abs(points):.2f} pt"


def _plan(found: Loop) -> Markup:
    columns = [Column("Layer"), Column("Before", number=True), Column("Plan", number=True)]
    rows: list[list[Child]] = []
    for layer, bits in found.after.weight_bits.items():
        old = found.before.weight_bits.get(layer)
        kind = "plain" if bits == old else "changed"
        rows.append([layer, NONE if old is None else f"{old} bit", chip(f"{bits} bit", kind)])
    return table("Weight widths", columns, rows, kind="compact")


def _costs(found: Loop) -> Markup:
    harm = {(row.layer, row.bits): row.value for row in found.sensitivity}
    chosen = found.after.weight_bits
    columns = [
        Column("Layer"),
        Column("Bits", number=True),
        Column("Cycles", number=True),
        Column("µs", number=True),
        Column("Weight bytes", number=True),
        Column("Sensitivity", number=True),
    ]
    rows: list[list[Child]] = [
        [
            row.layer,
            chip(f"{row.bits} bit", "changed") if chosen.get(row.layer) == row.bits else row.bits,
            count(row.cycles),
            real(row.us),
            count(row.weight_bytes),
            real(harm.get((row.layer, row.bits))),
        ]
        for row in found.cost_table
    ]
    if not rows:
        return note("No cost table was recorded.")
    evidence = badge(found.cost_table[0].evidence)
    return table(join("What each width costs ", evidence), columns, rows)
