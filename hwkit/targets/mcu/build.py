"""Runs a build plan: firmware.elf, .bin, .hex, .map and the facts about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hwkit.boards import Board, MemoryRegion
from hwkit.errors import ConfigError, FormatError
from hwkit.files import write_whole
from hwkit.lower.patch.facts import bank_facts, stage_facts
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.mcu.emit import table_names, weight_bytes
from hwkit.targets.mcu.identity import BUILD_BYTES, build_flag
from hwkit.targets.mcu.lower import McuPlan, other_bytes, section
from hwkit.targets.mcu.record import compiler_facts, kernel_facts
from hwkit.toolchain import builds, elf, firmware
from hwkit.toolchain.linker_script import region, regions

_ELF = "firmware.elf"
_BUILD_AT = 40
"""Where the model's description, which ``hwk_model_info`` begins with, has the build's digest."""


def build(plan: BuildPlan, lowered: Lowered[McuPlan], out: Path) -> Artifact[McuPlan]:
    """Writes the sources to ``out``, compiles and links them.

    ``ConfigError`` with the missing bytes when the model can't fit the board; ``ToolMissing``
    and ``ToolFailed`` from the compiler.
    """
    mcu = section(lowered.board)
    check_fit(lowered)
    for name, content in plan.files.items():
        write_whole(out / name, content)
    made = firmware.build(
        [out / "model.c", out / "model_data.c"],
        mcu,
        out,
        include=(out / "kernels",),
        flags=(build_flag(plan.files, mcu),),
        layers=len(lowered.graph.nodes),
        root=out,
    )
    check_image(made.image, lowered.board)
    write_whole(out / "firmware.map", symbol_map(made.image).encode())
    return Artifact(out, made.path, lowered.board, lowered, _facts(made.image, lowered))


def open_artifact(out: Path, lowered: Lowered[McuPlan]) -> Artifact[McuPlan]:
    """The artifact that an earlier build left in ``out``: its image as it lies there.

    ``ConfigError`` when there is none; ``FormatError`` when it is damaged.
    """
    path = out / _ELF
    if not path.is_file():
        raise ConfigError(f"{out}: no {_ELF}; run 'hwkit deploy' for {lowered.board.name} there")
    return Artifact(out, path, lowered.board, lowered, _facts(elf.read(path), lowered))


def cached(plan: BuildPlan, lowered: Lowered[McuPlan]) -> Artifact[McuPlan]:
    """As ``build``, from the build cache where this very plan was built before."""
    folder = builds.entry(lowered.board.name, plan.digest(), tools(lowered.board))
    made = builds.CachedBuild(folder, lambda out: build(plan, lowered, out).path)
    return made.opened(lambda out: open_artifact(out, lowered))


def tools(board: Board) -> dict[str, str]:
    """Version of the compiler and its flags."""
    return firmware.tools(section(board))


def image_build(image: elf.Image) -> str:
    """Which build an image says it is: 16 hex digits.

    ``FormatError`` when the image has no model that says so.
    """
    description = int.from_bytes(_bytes(image, image.address("hwk_model_info"), 4), "little")
    return _bytes(image, description + _BUILD_AT, BUILD_BYTES).hex()


def _bytes(image: elf.Image, address: int, size: int) -> bytes:
    for segment in image.segments:
        at = address - segment.address
        if 0 <= at <= len(segment.data) - size:
            return segment.data[at : at + size]
    raise FormatError("the image holds no description of its model; build it with hwkit deploy")


def check_fit(lowered: Lowered[McuPlan]) -> None:
    """Refuses, before anything is compiled, what can't fit: weights in flash, arena and stack
    in SRAM. Raises ``ConfigError`` with the number of bytes that are missing."""
    plan: McuPlan = lowered.plan
    board = lowered.board
    mcu = section(board)
    _fits(board, region(mcu, "flash"), weight_bytes(lowered.graph, plan), "weights alone")
    rooms = {bank.name: bank for bank in regions(mcu, "sram")}
    first, *others = plan.memory.regions
    # What did not fit the banks is in the last one, so that it tells how much is missing.
    for used in others:
        _fits(board, rooms[used.region], used.size_bytes, "activations")
    needed = first.size_bytes + mcu.stack_bytes
    remedy = "" if plan.staging.stages else _patches(lowered)
    _fits(board, rooms[first.region], needed, "activations and stack", remedy)
    if mcu.sram_bytes:
        needed = plan.memory.arena_bytes + other_bytes(len(plan.layers))
        _within_limit(board, needed, "activations and variables")


def check_image(image: elf.Image, board: Board) -> None:
    """The same for the linked image, code and runtime included; each SRAM by itself is the
    linker's to check."""
    mcu = section(board)
    _fits(board, region(mcu, "flash"), image.flash_bytes, "code and weights")
    banks = regions(mcu, "sram")
    sram = replace(banks[0], size_bytes=sum(bank.size_bytes for bank in banks))
    _fits(board, sram, image.ram_bytes, "activations, runtime and stack")
    _within_limit(board, image.ram_bytes - image.stack_bytes, "activations and runtime")


def symbol_map(image: elf.Image) -> str:
    """A line for each symbol that takes memory, by address: address, bytes, name.

    Example: ``0x00000ba8     1368 layer0``.
    """
    sized = sorted((image.symbols[name], size, name) for name, size in image.symbol_bytes.items())
    return "".join(f"{at:#010x} {size:8} {name}\n" for at, size, name in sized if size)


def _fits(board: Board, memory: MemoryRegion, needed: int, what: str, remedy: str = "") -> None:
    size = memory.size_bytes
    if needed > size:
        raise ConfigError(
            f"board {board.name}: {what} need {needed} bytes of {memory.name}, "
            f"{needed - size} more than its {size}; {remedy}use fewer bits, a smaller model or a "
            "larger board"
        )


def _patches(lowered: Lowered[McuPlan]) -> str:
    """What a build without stages can be told when activations are too large."""
    mcu = section(lowered.board)
    room = sum(bank.size_bytes for bank in regions(mcu, "sram")) - mcu.stack_bytes
    if room <= 0:
        return ""
    return (
        f"compute layers in parts (--sram {room}B), take the input row by row (--input streamed), "
    )


def _within_limit(board: Board, needed: int, what: str) -> None:
    limit = section(board).sram_bytes
    if limit and needed > limit:
        raise ConfigError(
            f"board {board.name}: {what} need {needed} bytes, {needed - limit} more than the limit "
            f"of {limit}; give --sram more"
        )


def _facts(image: elf.Image, lowered: Lowered[McuPlan]) -> Mapping[str, Any]:
    """The keys of deploy.json that apply; ``build`` is what the image says of itself."""
    plan: McuPlan = lowered.plan
    # What a layer cannot use, as when its clamp leaves one integer, is not in the image.
    weights = sum(image.symbol_bytes.get(name, 0) for name in table_names(lowered.graph, plan))
    return {
        "weight_bytes": weights,
        "code_bytes": image.flash_bytes - weights,
        "flash_bytes": image.flash_bytes,
        "arena_bytes": plan.memory.arena_bytes,
        "arena_lower_bound_bytes": plan.memory.lower_bound_bytes,
        "arena_optimal": plan.memory.optimal,
        "arena_regions": {used.region: used.size_bytes for used in plan.memory.regions},
        **bank_facts(plan.memory),
        "stack_bytes": image.stack_bytes,
        "ram_bytes": image.ram_bytes,
        "build": image_build(image),
        "stages": [stage_facts(stage, plan.memory) for stage in plan.staging.stages],
        "tools": tools(lowered.board),
        **compiler_facts(section(lowered.board)),
        **kernel_facts(lowered.graph, plan, section(lowered.board)),
        "memory_map": [
            {
                "tensor": p.tensor,
                "kind": p.kind,
                "region": p.region,
                "offset": p.offset,
                "size_bytes": p.size_bytes,
                "first_layer": p.first_layer,
                "last_layer": p.last_layer,
            }
            for p in plan.memory.placements
        ],
    }
