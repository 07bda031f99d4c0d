"""What is moved between the buffers of a stage and their halos, as C."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.ir.graph import Graph
from hwkit.lower.memory import MemoryPlan
from hwkit.lower.patch.schedule import halo
from hwkit.targets.mcu.arenas import pointer
from hwkit.targets.mcu.forms import Forms
from hwkit.targets.mcu.lower import McuPlan, row_bytes


def moved(
    graph: Graph,
    plan: McuPlan,
    output: str,
    behind: Sequence[str],
    found: Forms,
    columns: dict[str, list[str | int]],
    body: Sequence[str],
) -> list[str]:
    """``body``, which makes ``output``, where its form runs, between what is moved from its halo
    and to those of the tensors ``behind`` it."""
    lines = list(body)
    if any(form.number is None for form in found.forms):
        columns["runs"] = [int(form.number is not None) for form in found.forms]
        lines = ["if (form->runs) {", *(f"  {line}" for line in lines), "}"]
    if any(form.fill for form in found.forms):
        filled = _copied(plan.memory, output, halo(output), "", "form->fill")
        if filled:
            columns["fill"] = [form.fill * row_bytes(graph, plan, output) for form in found.forms]
        lines[:0] = filled
    for n, name in enumerate(behind):
        at, keep = (f"{column}{n or ''}" for column in ("at", "keep"))
        row = row_bytes(graph, plan, name)
        columns[at] = [form.keeps[n][0] * row for form in found.forms]
        columns[keep] = [form.keeps[n][1] * row for form in found.forms]
        lines += _copied(plan.memory, halo(name), name, f" + form->{at}", f"form->{keep}")
    return lines


def _copied(memory: MemoryPlan, to: str, source: str, at: str, count: str) -> list[str]:
    """Moves ``count`` bytes between a buffer and its halo, which may lie on it: nothing where
    these are the very bytes."""
    one, other = memory.placed(to), memory.placed(source)
    here = one.region == other.region
    if here and one.offset == other.offset and not at:
        return []
    over = here and one.offset < other.end and other.offset < one.end
    function = "memmove" if over else "memcpy"
    return [f"{function}({pointer(memory, to)}, {pointer(memory, source)}{at}, {count});"]
