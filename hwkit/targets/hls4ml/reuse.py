"""Reuse factors that fit a device: the fewest cycles within its LUT, FF and DSP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hwkit.boards import FpgaResources
from hwkit.errors import BudgetInfeasible
from hwkit.targets.hls4ml.estimate import Estimate, alone, estimate, kernel
from hwkit.targets.hls4ml.layers import MAX_PARALLEL_MULTIPLIERS, Layer

USABLE_PERCENT = 80
"""Of a device: place and route seldom ends above."""

_RESOURCES = ("lut", "ff", "dsp")


def limits_of(resources: FpgaResources, part: FpgaResources | None) -> dict[str, int]:
    """``USABLE_PERCENT`` of each resource; a budget below what the ``part`` has, as it stands."""
    found = {}
    for name in _RESOURCES:
        given = getattr(resources, name)
        whole = part is None or given >= getattr(part, name)
        found[name] = given * USABLE_PERCENT // 100 if whole else given
    return found


def fitted(
    layers: Sequence[Layer], io_type: str, limits: Mapping[str, int], where: str
) -> tuple[Layer, ...]:
    """``layers`` with reuse factors whose estimate is within ``limits``.

    Starts with every multiplication in parallel and, while something does not fit, raises the
    reuse factor that saves most of what is over for each cycle that it costs. Raises
    ``BudgetInfeasible`` with the resource that misses at the best factors, and how far.
    """
    choices = [_choices(layer) for layer in layers]
    chosen = [0] * len(layers)
    best, best_excess = estimate(layers, io_type), float("inf")
    while True:
        made = tuple(_with(la, c[k]) for la, c, k in zip(layers, choices, chosen, strict=True))
        found = estimate(made, io_type)
        excess = _excess(found, limits)
        if excess == 0:
            return made
        if excess < best_excess:
            best, best_excess = found, excess
        step = _best_step(made, choices, chosen, io_type, limits)
        if step is None:
            raise BudgetInfeasible(_refusal(best, limits, where))
        chosen[step] += 1


def _choices(layer: Layer) -> list[int]:
    """Reuse factors of a layer that each save something over the smaller ones."""
    k = kernel(layer)
    if k is None or layer.class_name not in ("Dense", "Conv2D"):
        return [layer.reuse_factor]
    factors: list[int] = []
    least: dict[str, float] = {}
    for factor in k.reuse_factors():
        if k.inputs * k.outputs > factor * MAX_PARALLEL_MULTIPLIERS:
            continue
        lut, _, dsp = alone(k, factor)
        if not factors or lut < least["lut"] or dsp < least["dsp"]:
            factors.append(factor)
            least = {
                "lut": min(lut, least.get("lut", lut)),
                "dsp": min(dsp, least.get("dsp", dsp)),
            }
    return factors


def _with(layer: Layer, reuse: int) -> Layer:
    return replace(layer, reuse_factor=reuse)


def _excess(found: Estimate, limits: Mapping[str, int]) -> float:
    """How far ``found`` is over the limits: the sum of the relative excesses."""
    return float(sum(max(getattr(found, name) / limit - 1, 0) for name, limit in limits.items()))


def _best_step(
    layers: Sequence[Layer],
    choices: Sequence[Sequence[int]],
    chosen: Sequence[int],
    io_type: str,
    limits: Mapping[str, int],
) -> int | None:
    """The layer whose next reuse factor saves most for its cycles; None at the end of all."""
    now = estimate(layers, io_type)
    excess = _excess(now, limits)
    best: tuple[float, int] | None = None
    for place, (factors, at) in enumerate(zip(choices, chosen, strict=True)):
        if at + 1 == len(factors):
            continue
        tried = [*layers]
        tried[place] = _with(layers[place], factors[at + 1])
        found = estimate(tried, io_type)
        saved = excess - _excess(found, limits)
        cycles = max(found.latency_cycles - now.latency_cycles, 1)
        if best is None or saved / cycles > best[0]:
            best = saved / cycles, place
    return None if best is None else best[1]


def _refusal(best: Estimate, limits: Mapping[str, int], where: str) -> str:
    name = max(limits, key=lambda name: getattr(best, name) / limits[name])
    needed = getattr(best, name)
    return (
        f"{where}: at the best reuse factors the network takes an estimated {needed} "
        f"{name.upper()}, and {limits[name]} may be used; take fewer bits or smaller layers, or "
        f"{needed} {name.upper()} (a part with {-(-needed * 100 // USABLE_PERCENT)}: "
        f"{USABLE_PERCENT} % of one are used)"
    )
