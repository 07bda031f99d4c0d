"""What shapes a build: the options that mean the same wherever something is built."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypedDict, get_args

from hwkit.allocate.budget import byte_count
from hwkit.boards import Arrival, Board, Optimize
from hwkit.errors import ConfigError
from hwkit.files import read_json
from hwkit.ir.graph import Graph
from hwkit.lower.double_rounding import BITS

_HAS_ARENA = ("tflm",)
"""Runtimes of .tflite that lay a model's activations in an arena."""


class Shape(TypedDict, total=False):
    """``optimize`` what kernels are chosen for; ``sram`` the most RAM beside the stack (in TFLM the
    most arena), as "20kB"; ``input`` whether inputs come row by row. What is left out, or None, is
    as the board says."""

    optimize: Optimize | None
    sram: str | None
    input: Arrival | None


def shaped(board: Board, shape: Shape) -> Board:
    """``board`` with the options that are given. ``ConfigError`` where it has no such option.

    Example: with ``{"sram": "20kB"}`` virtual_m4 has ``mcu.sram_bytes`` 20,000.
    """
    given = {name: value for name, value in shape.items() if value is not None}
    if not given:
        return board
    if board.edge is not None and board.edge.runtime in _HAS_ARENA and [*given] == ["sram"]:
        limit = byte_count("--sram", str(given["sram"]))
        return replace(board, edge=replace(board.edge, sram_bytes=limit))
    if board.mcu is None:
        options = " and ".join(f"--{name}" for name in given)
        raise ConfigError(
            f"board {board.name}: {options} {'is' if len(given) == 1 else 'are'} for "
            "microcontrollers; leave it out"
        )
    mcu = board.mcu
    if (optimize := shape.get("optimize")) is not None:
        mcu = replace(mcu, optimize=optimize)
    if (sram := shape.get("sram")) is not None:
        mcu = replace(mcu, sram_bytes=byte_count("--sram", sram))
    if (arrival := shape.get("input")) is not None:
        mcu = replace(mcu, input=arrival)
    return replace(board, mcu=mcu)


def options_of(graph: Graph, board: Board) -> dict[str, str | int]:
    """What shaped a build of ``graph``: the options of ``board``, and the ``bits`` that its weights
    were rounded to, where they were."""
    bits = graph.metadata.get(BITS)
    return {**board.options, **({} if bits is None else {"bits": int(bits)})}


def check_bits(folder: Path, graph: Graph) -> None:
    """``ConfigError`` where ``folder`` was built of weights rounded otherwise than ``graph``'s."""
    path = folder / "deploy.json"
    was = (read_json(path).get("options") or {}).get("bits") if path.is_file() else None
    asked = graph.metadata.get(BITS)
    if path.is_file() and was != (None if asked is None else int(asked)):
        remedy = "leave --bits out" if was is None else f"give --bits {was}"
        raise ConfigError(
            f"{folder}: was built with {'its own' if was is None else was} weight bits, not "
            f"{'its own' if asked is None else asked}; {remedy}, or deploy again"
        )


def made_with(folder: Path) -> Shape | None:
    """With which options ``hwkit deploy`` built what lies in ``folder``; None where it says
    nothing of them."""
    path = folder / "deploy.json"
    if not path.is_file():
        return None
    facts = read_json(path)
    options = facts.get("options") or {"optimize": facts.get("optimized_for")}
    goal = options.get("optimize")
    optimize = next((known for known in get_args(Optimize) if known == goal), None)
    sram = options.get("sram_bytes")
    if optimize is None:
        return {"sram": f"{sram}B"} if isinstance(sram, int) else None
    return {
        "optimize": optimize,
        "sram": f"{sram}B" if isinstance(sram, int) else None,
        "input": "streamed" if options.get("input") == "streamed" else "whole",
    }
