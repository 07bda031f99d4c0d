"""Choices kept in the cache folder, under the digest of all that they depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

from hwkit import resources
from hwkit.boards import Board, McuBoard
from hwkit.device.virtual.cost_models import cost_model
from hwkit.errors import FormatError
from hwkit.files import read_json, remove_abandoned, write_json
from hwkit.record import from_json, to_json
from hwkit.target import Lowered
from hwkit.targets.mcu.call import Call
from hwkit.targets.mcu.choice.limits import (
    ARENA_GROWTH,
    CODE_BYTES,
    CODE_GROWTH,
    FLASH_GROWTH,
    STAGE_CODE_BYTES,
)
from hwkit.targets.mcu.choice.policy import SPEED_PER_FLASH, TIME_PER_ARENA, TIME_PER_FLASH
from hwkit.targets.mcu.choice.rounds import kernels_that_fit
from hwkit.targets.mcu.choices import Choice
from hwkit.targets.mcu.lower import McuPlan, section
from hwkit.targets.mcu.sharing import leaves
from hwkit.targets.mcu.structs import Table
from hwkit.toolchain import zig
from hwkit.toolchain.cache import cache_folder
from hwkit.toolchain.linker_script import region

_VERSION = 12
"""Of the way to choose: a choice made in another way is made again."""


def path(lowered: Lowered[McuPlan], board: Board) -> Path:
    """The file of the choice for ``lowered``, measured on ``board``.

    Kernel sources, compiler and flags, core and cycle model, the room in flash and SRAM, the
    exchange rate, and each layer's descriptor count; the integers in its tables don't, for the
    time of a convolution, depthwise or dense layer does not depend on them: a network that was
    trained again has its choice already.
    """
    mcu = section(board)
    depends = {
        "version": _VERSION,
        "rate": [section(lowered.board).optimize, TIME_PER_FLASH, SPEED_PER_FLASH, TIME_PER_ARENA],
        "limits": [ARENA_GROWTH, FLASH_GROWTH, CODE_BYTES, CODE_GROWTH, STAGE_CODE_BYTES],
        **compiler(mcu),
        "board": [board.name, board.name == lowered.board.name, mcu.emulator, *mcu.kernels],
        "cycles": cost_model(mcu).version,
        "flash_bytes": region(section(lowered.board), "flash").size_bytes,
        "sram_bytes": region(section(lowered.board), "sram").size_bytes,
        "limit_bytes": section(lowered.board).sram_bytes,
        "sources": sources(mcu.kernels),
        "layers": list(_layers(lowered.plan)),
        "fitting": kernels_that_fit(lowered),
    }
    digest = hashlib.sha256(json.dumps(depends).encode()).hexdigest()
    folder = cache_folder("choices")
    remove_abandoned(folder)
    return folder / f"{board.name}-{digest[:32]}.json"


def load(path: Path, lowered: Lowered[McuPlan]) -> Choice | None:
    """What was remembered; None where nothing was, or the file is damaged."""
    if not path.exists():
        return None
    try:
        found = from_json(Choice, read_json(path), str(path))
    except FormatError:
        return None
    fitting = kernels_that_fit(lowered)
    whole = len(found.picks) == len(found.figures) == len(fitting) and all(
        {pick.kernel, *(figure.pick.kernel for figure in figures)} <= {*(of or [""])}
        for pick, figures, of in zip(found.picks, found.figures, fitting, strict=True)
    )
    return found if whole else None


def save(path: Path, choice: Choice) -> None:
    """Puts ``choice`` there whole, or not at all."""
    write_json(path, to_json(choice))


def compiler(mcu: McuBoard) -> dict[str, object]:
    """What decides the code of a kernel beside its source."""
    return {
        "zig": zig.version(),
        "flags": [*mcu.cpu_flags, *zig.COMPILE_FLAGS, zig.OPTIMIZE],
    }


def sources(variants: tuple[str, ...]) -> str:
    """SHA-256 of all that kernels of these folders are compiled from."""
    state = hashlib.sha256()
    root = resources.folder("firmware")
    folders = [root / "include", *(root / "kernels" / variant for variant in variants)]
    for file in [
        root / "kernels" / "kernels.inc",
        *(f for d in folders for f in sorted(d.glob("*.h"))),
    ]:
        content = file.read_bytes()
        state.update(f"{file.relative_to(root)}\0{len(content)}\0".encode())
        state.update(content)
    return state.hexdigest()


def described(call: Call) -> Iterator[list[object]]:
    """The descriptor of ``call`` without the integers of its tables."""
    for name, value in leaves(call.descriptor):
        if isinstance(value, Table):
            yield [name, value.values.dtype.name, value.values.size]
        else:
            yield [name, str(value)]


def _layers(plan: McuPlan) -> Iterator[list[object]]:
    """Descriptors without the integers of their tables, the parts that they are computed in, and
    where the tensors lie."""
    for layer in plan.layers:
        for call in layer.calls:
            yield [call.kernel, call.shared]
            yield from described(call)
            yield [[path, *numbers] for path, numbers in call.varying.items()]
            if call.packing is not None:
                yield [[name, str(value)] for name, value in leaves(call.packing)]
        if layer.tiled is not None:
            yield ["usual or not", *layer.tiled.of_turn]
    for placed in plan.memory.placements:
        yield [
            placed.region,
            placed.offset,
            placed.size_bytes,
            placed.first_layer,
            placed.last_layer,
        ]
    for move in plan.memory.moves:
        yield ["moved", move.layer, plan.memory.placed(move.tensor).offset]
