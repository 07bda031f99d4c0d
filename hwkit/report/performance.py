"""Where the time goes: one table of bars for each profile, one kind of evidence in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hwkit.profile.measurement import Figures, Measurement
from hwkit.report.beside import notes
from hwkit.report.elements import Column, badge, bar, details, note, section, table
from hwkit.report.markup import Child, Markup, join
from hwkit.report.numbers import NONE, count, milliseconds, percent, real

_CLOSE = 0.1
"""Share of the whole by which the layers' sum may be off without a word of why."""
_TITLES = {"instructions": "Instructions", "cycles": "Cycles", "us": "µs"}


def performance(profiles: Sequence[Measurement]) -> Markup | None:
    """All profiles, in the order run."""
    if not profiles:
        return None
    return section("profiles", "Time per layer", *(_profile(profile) for profile in profiles))


def _profile(profile: Measurement) -> Markup:
    total = profile.whole or profile.total
    title = f"{profile.model} on {profile.board}: {milliseconds(total.us)} "
    if total.us is None and total.cycles is not None:
        title = f"{profile.model} on {profile.board}: {count(total.cycles)} cycles "
    return details(join(title, badge(profile.evidence)), profile_table(profile))


def profile_table(profile: Measurement) -> Markup:
    """Each layer with bars, and the sums."""
    known = [f for f in _TITLES if any(getattr(layer, f) is not None for layer in profile.layers)]
    if not known:
        words = "This board gives no figure per layer."
        return note(words if profile.total.us is None else f"{_caption(profile)}. {words}")
    if "cycles" in known and "us" in known:
        known.remove("us")  # the same figure through the clock; the caption has its sum
    per_mac = "cycles" in known
    columns = [
        Column("Layer"),
        Column("Op", minor=True),
        Column("MACs", number=True, minor=True),
        *(Column(_TITLES[figure], number=True) for figure in known),
        Column("Cycles / MAC" if per_mac else f"p95 {_TITLES[known[0]]}", number=True),
    ]
    largest = {
        figure: max((getattr(layer, figure) or 0 for layer in profile.layers), default=0)
        for figure in known
    }
    called = () if profile.call is None else (profile.call,)
    rows = [_row(layer, known, largest) for layer in (*profile.layers, *called)]
    total = profile.total
    sums = [_shown(figure, getattr(total, figure)) for figure in known]
    foot: list[Child] = ["All layers", "", count(total.macs), *sums, _last(total, known)]
    drawn = table(_caption(profile), columns, rows, foot, kind="bars")
    return join(drawn, *(note(line) for line in notes(profile)))


def _caption(profile: Measurement) -> str:
    parts = [f"Median of {count(profile.repeats)} runs" if profile.repeats > 1 else "One run"]
    if profile.warm_up:
        parts.append(f"after {count(profile.warm_up)} for warm-up")
    clock = f" at {real(profile.clock_hz / 1e6)} MHz" if profile.clock_hz else ""
    total = profile.whole or profile.total
    if total.us is not None:
        parts.append(f"{milliseconds(total.us)} an inference{clock}")
    elif total.cycles is not None and profile.clock_hz:
        parts.append(f"{milliseconds(total.cycles * 1e6 / profile.clock_hz)} an inference{clock}")
    if profile.whole is not None and _has_layers(profile):
        parts.append(f"timed as a whole; {_layers_beside(profile)}")
    model = f". Cycle model {profile.cycle_model}" if profile.cycle_model else ""
    return ", ".join(parts) + model


def _layers_beside(profile: Measurement) -> str:
    """How far the sum of the layers is from the whole, and what was taken out of it."""
    summed = sum(layer.us or 0.0 for layer in profile.layers)
    whole = profile.whole.us if profile.whole is not None else None
    text = "layers timed one by one"
    if profile.call is not None and profile.call.us is not None:
        summed += profile.call.us
        text += f", and one call of {real(profile.call.us)} µs, "
    text = f"{text.rstrip(', ')} add up to {milliseconds(summed)}"
    if not whole:
        return text
    apart = summed / whole - 1
    text += f", {percent(abs(apart))} {'more' if apart >= 0 else 'less'}"
    if abs(apart) <= _CLOSE:
        return text
    return f"{text}: more than calls account for, so that layers here are not what they are alone"


def _has_layers(profile: Measurement) -> bool:
    """Whether layers were timed too."""
    return any(layer.us is not None for layer in profile.layers)


def _row(layer: Figures, known: Sequence[str], largest: Mapping[str, float]) -> list[Child]:
    bars = [
        bar(_shown(figure, getattr(layer, figure)), getattr(layer, figure), largest[figure], figure)
        for figure in known
    ]
    macs = count(layer.macs) if layer.macs else NONE
    return [layer.name, layer.op, macs, *bars, _last(layer, known)]


def _last(figures: Figures, known: Sequence[str]) -> str:
    """Cycles for each MAC, or where there are no cycles the spread of what there is."""
    if "cycles" in known:
        cycles, macs = figures.cycles, figures.macs
        return NONE if cycles is None or not macs else real(cycles / macs)
    found = figures.spread.get(known[0])
    return NONE if found is None else _shown(known[0], found.p95)


def _shown(figure: str, value: float | None) -> str:
    return real(value) if figure == "us" else count(value)
