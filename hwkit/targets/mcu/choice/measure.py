"""One build on the virtual board: what each of its layers takes, in time and in flash."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from hwkit.boards import Board
from hwkit.device.virtual.cost_models import cost_model
from hwkit.lower.checked import golden_inputs
from hwkit.target import LayerTiming, Lowered
from hwkit.targets.mcu.build import cached
from hwkit.targets.mcu.choice.policy import Option
from hwkit.targets.mcu.choices import Figure, Total
from hwkit.targets.mcu.emit import emit
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.mcu.lower import plan as plan_layers
from hwkit.targets.mcu.session import open_session
from hwkit.targets.mcu.sharing import shared
from hwkit.toolchain import elf
from hwkit.toolchain.linker_script import regions

_LAYER = re.compile(r"layer(\d+)(?:_|$)")
_INCLUDE = re.compile(r"^#include <(\w+\.h)>", re.MULTILINE)
_WORD = re.compile(r"\bhwk_\w+")


@dataclass(frozen=True, slots=True)
class Measured:
    """A plan's build: an option for each layer, as it is in this plan; ``functions`` by the
    names that the options need, in bytes."""

    plan: McuPlan
    total: Total
    options: tuple[Option, ...]
    functions: Mapping[str, int]


def measure(lowered: Lowered[McuPlan], board: Board, mark: str) -> Measured:
    """Builds ``lowered`` for ``board`` and runs an inference.

    ``mark`` tells its shared copies, which fit the layers of this build, from those of others.
    Raises what ``build`` and the session raise.
    """
    plan: McuPlan = lowered.plan
    lowered = placed(lowered, board)
    sources = emit(lowered)
    artifact = cached(sources, lowered)
    with open_session(artifact) as session:
        (timings,) = session.timed(golden_inputs(lowered.graph, 1), 1, 1)
    image = elf.read(artifact.path)
    copies = shared((call for layer in plan.layers for call in layer.calls), plan.kernels)
    loops = {symbol: _inner(sources.files, symbol) & set(image.symbols) for symbol in plan.kernels}
    uncertain = not cost_model(section(board)).decides
    options = []
    for timing, flash_bytes in zip(timings, _layer_bytes(image, len(timings)), strict=True):
        layer, pick = plan.layers[timing.index], plan.picks[timing.index]
        serving = {copies[id(call)].symbol for call in layer.calls if id(call) in copies}
        # What nobody shares with it is its own code, whatever was asked for.
        pick = replace(pick, shared=bool(serving))
        needs = {mark + symbol for symbol in serving} | loops.get(pick.kernel, set())
        figure = Figure(pick, timing.cycles, timing.instructions, flash_bytes, uncertain)
        options.append(Option(figure, frozenset(needs)))
    functions = {name: image.symbol_bytes[name] for names in loops.values() for name in names}
    functions |= {mark + copy.symbol: image.symbol_bytes[copy.symbol] for copy in copies.values()}
    return Measured(plan, _total(timings, image, plan, uncertain), tuple(options), functions)


def placed(lowered: Lowered[McuPlan], board: Board) -> Lowered[McuPlan]:
    """``lowered`` on the board that measures for its own: with its own memory plan where the
    other's SRAM is in banks that this one has not."""
    plan, mcu = lowered.plan, section(board)
    banks = {bank.name for bank in regions(mcu, "sram")}
    if not {used.region for used in plan.memory.regions} <= banks:
        plan = plan_layers(lowered.graph, mcu, plan.picks, staging=plan.staging)
    return replace(lowered, board=board, plan=plan)


def _layer_bytes(image: elf.Image, layers: int) -> list[int]:
    """Functions, descriptors and tables of each layer: all symbols ``layer3`` and ``layer3_*``."""
    found = [0] * layers
    for name, size in image.symbol_bytes.items():
        if match := _LAYER.match(name):
            found[int(match[1])] += size
    return found


def _inner(files: Mapping[str, bytes], kernel: str) -> set[str]:
    """Every name that the header of ``kernel`` and those that it includes mention."""
    names: set[str] = set()
    seen: set[str] = set()
    wanted = [f"hwk_{kernel}.h"]
    while wanted:
        header = wanted.pop()
        text = files.get(f"kernels/{header}")
        if text is not None and header not in seen:
            seen.add(header)
            names |= set(_WORD.findall(text.decode()))
            wanted += _INCLUDE.findall(text.decode())
    return names


def _total(timings: list[LayerTiming], image: elf.Image, plan: McuPlan, uncertain: bool) -> Total:
    counted = [timing.cycles for timing in timings if timing.cycles is not None]
    executed = [timing.instructions for timing in timings if timing.instructions is not None]
    return Total(
        cycles=sum(counted) if counted else None,
        instructions=sum(executed) if executed else None,
        flash_bytes=image.flash_bytes,
        arena_bytes=plan.memory.arena_bytes,
        uncertain=uncertain,
    )
