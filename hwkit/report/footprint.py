"""What each build takes: memory of a microcontroller, logic of an FPGA, the arena over time."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.report.elements import Column, details, note, section, table
from hwkit.report.markup import Child, Markup, tag
from hwkit.report.memory_chart import chart
from hwkit.report.numbers import NONE, byte_size, count, percent, real
from hwkit.report.summary import Deploy, MemoryMap

_OVERLAP = (
    " Where boxes overlap, a layer writes over an input that nobody reads any more, each byte only "
    "once it has been read: that is meant, and saves memory."
)


def footprint(deploys: Sequence[Deploy]) -> Markup | None:
    """Memory, logic, then one memory map for each build that has one."""
    memory = _memory([d for d in deploys if d.flash_bytes is not None])
    logic = _logic([d for d in deploys if d.lut is not None or d.dsp is not None])
    maps = [_map(d, d.memory) for d in deploys if d.memory is not None and d.memory.tensors]
    if memory is None and logic is None and not maps:
        return None
    return section("footprint", "Memory and logic", memory, logic, *maps)


def _memory(deploys: Sequence[Deploy]) -> Markup | None:
    if not deploys:
        return None
    columns = [
        Column("Build"),
        Column("Flash"),
        Column("Weights", number=True, minor=True),
        Column("Code", number=True, minor=True),
        Column("RAM"),
        Column("Arena", number=True, minor=True),
        Column("Stack", number=True, minor=True),
    ]
    rows: list[list[Child]] = []
    for d in deploys:
        flash_limit = d.memory.flash_limit_bytes if d.memory else None
        ram_limit = d.memory.ram_limit_bytes if d.memory else None
        rows.append(
            [
                f"{d.model} on {d.board}",
                _of_limit(d.flash_bytes, [("code", d.code_bytes)], flash_limit),
                count(d.weight_bytes),
                count(d.code_bytes),
                _of_limit(d.ram_bytes, [("arena", d.arena_bytes)], ram_limit),
                count(d.arena_bytes),
                count(d.stack_bytes),
            ]
        )
    return table("Bytes of the built image, counted in it", columns, rows)


def _of_limit(
    used: int | None, parts: Sequence[tuple[str, int | None]], limit: int | None
) -> Markup:
    """Bytes in use, of what the board has; the dark part of the bar is ``parts``."""
    label = tag("span", NONE if used is None else f"{count(used)} B")
    if used is None or not limit:
        return label
    drawn, start = [], 0.0
    for name, size in parts:
        share = 100.0 * (size or 0) / limit
        drawn.append(tag("rect", x=start, width=share, height=1, class_=name))
        start += share
    rest = max(0.0, 100.0 * used / limit - start)
    return tag(
        "div",
        label,
        tag(
            "svg",
            *drawn,
            tag("rect", x=start, width=rest, height=1, class_="rest"),
            viewBox="0 0 100 1",
            preserveAspectRatio="none",
            aria_hidden="true",
        ),
        tag("small", f"{percent(used / limit)} of {byte_size(limit)}"),
        class_="share",
    )


def _logic(deploys: Sequence[Deploy]) -> Markup | None:
    if not deploys:
        return None
    columns = [Column("Build"), *(Column(n, number=True) for n in ("LUT", "FF", "BRAM", "DSP"))]
    columns += [Column("LUT, estimated before", number=True, minor=True)]
    columns += [Column("MHz", number=True), Column("Cycles", number=True, minor=True)]
    rows: list[list[Child]] = [
        [
            f"{d.model} on {d.board}",
            *(count(value) for value in (d.lut, d.ff, d.bram, d.dsp)),
            count(d.estimated.get("lut")),
            NONE if d.fmax_hz is None else real(d.fmax_hz / 1e6),
            count(d.cycles_per_inference),
        ]
        for d in deploys
    ]
    return table("Logic of the design", columns, rows)


def _map(deploy: Deploy, memory: MemoryMap) -> Markup:
    columns = [
        Column("Tensor"),
        Column("Address", number=True),
        Column("Bytes", number=True),
        Column("Alive in layers", number=True),
    ]
    rows: list[list[Child]] = [
        [t.name, count(t.offset_bytes), count(t.size_bytes), f"{t.first_step} to {t.last_step}"]
        for t in memory.tensors
    ]
    name = f"{deploy.model} on {deploy.board}"
    return details(
        f"Memory map of {name}: {count(memory.arena_bytes)} bytes",
        note(
            f"Each box is a tensor: its addresses in the arena of {count(memory.arena_bytes)} "
            "bytes upwards, the layers during which it is alive to the right. Grey boxes are the "
            "scratch of one layer." + (_OVERLAP if _overlap(memory) else "")
        ),
        chart(memory),
        details("The same as a table", table(f"Tensors in the arena of {name}", columns, rows)),
    )


def _overlap(memory: MemoryMap) -> bool:
    """Whether two tensors share a byte during a layer."""
    found = memory.tensors
    return any(
        a.first_step <= b.last_step
        and b.first_step <= a.last_step
        and a.offset_bytes < b.offset_bytes + b.size_bytes
        and b.offset_bytes < a.offset_bytes + a.size_bytes
        for k, a in enumerate(found)
        for b in found[:k]
    )
