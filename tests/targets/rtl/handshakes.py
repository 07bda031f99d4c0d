"""Run inside the simulation by cocotb: the rules of a stream, on every stream of a core.

What is offered stays, with the same data, until it is taken; what is offered does not wait to be
asked for; and the integers are right whoever waits for whom.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge

CASE = json.loads(Path(os.environ["HWK_CASE"]).read_text())


async def restarted(core: Any) -> None:
    Clock(core.clk, 10, unit="ns").start()
    core.rst.value = 1
    core.s_valid.value = 0
    core.m_ready.value = 0
    for _ in range(3):
        await FallingEdge(core.clk)
    core.rst.value = 0


async def watched(core: Any, name: str) -> None:
    """Fails when a beat that was offered and not taken changes or goes away."""
    data, valid, ready = (getattr(core, f"{name}_{part}") for part in ("data", "valid", "ready"))
    waiting = None
    while True:
        await RisingEdge(core.clk)
        offered = int(valid.value)
        if waiting is not None:
            assert offered and int(data.value) == waiting, f"{name}: a beat was withdrawn"
        waiting = int(data.value) if offered and not int(ready.value) else None


async def fed(core: Any, chance: float, rng: random.Random) -> None:
    for beat in CASE["x"]:
        while rng.random() > chance:
            await FallingEdge(core.clk)
        core.s_data.value = beat
        core.s_valid.value = 1
        await RisingEdge(core.clk)
        while not int(core.s_ready.value):
            await RisingEdge(core.clk)
        await FallingEdge(core.clk)
        core.s_valid.value = 0


async def drained(core: Any, chance: float, rng: random.Random) -> list[int]:
    seen: list[int] = []
    while len(seen) < len(CASE["y"]):
        await FallingEdge(core.clk)
        core.m_ready.value = int(rng.random() < chance)
        await RisingEdge(core.clk)
        if int(core.m_valid.value) and int(core.m_ready.value):
            seen.append(int(core.m_data.value))
    return seen


async def passes(core: Any, feed: float, drain: float) -> None:
    await restarted(core)
    for name in CASE["streams"]:
        cocotb.start_soon(watched(core, name))
    cocotb.start_soon(fed(core, feed, random.Random(1)))
    assert await drained(core, drain, random.Random(2)) == CASE["y"]


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def both_sides_wait_at_random(core: Any) -> None:
    await passes(core, 0.5, 0.5)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def the_source_is_slow(core: Any) -> None:
    await passes(core, 0.1, 1.0)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def the_sink_is_slow(core: Any) -> None:
    await passes(core, 1.0, 0.1)


@cocotb.test(timeout_time=10, timeout_unit="ms")
async def an_output_is_offered_unasked(core: Any) -> None:
    await restarted(core)
    cocotb.start_soon(fed(core, 1.0, random.Random(1)))
    for _ in range(CASE["latency_cycles"] + 10):
        await FallingEdge(core.clk)
    assert int(core.m_valid.value) == 1
