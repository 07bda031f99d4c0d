"""Boards: ``boards/<name>.toml`` read into frozen, typed descriptions; an unknown key is an error.

Units stand in the keys (``clock_hz``, ``size_bytes``); ``source`` says where the figures are from.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from hwkit.errors import ConfigError
from hwkit.resources import folder


@dataclass(frozen=True, slots=True)
class MemoryRegion:
    """A span of the address space; ``kind`` is ``flash`` (read only at run time) or ``sram``."""

    name: str
    kind: str
    origin: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Uart:
    """The serial port that carries the protocol; ``driver`` names a file of the platform."""

    driver: str
    base: int
    baud: int


@dataclass(frozen=True, slots=True)
class McuBoard:
    """What a firmware build needs.

    ``core`` e.g. ``cortex-m4``; ``cpu_flags`` for the compiler; ``platform`` a folder of
    ``firmware/platforms``; ``kernels`` folders of ``firmware/kernels``, best first;
    ``emulator`` what runs the image (``unicorn``, or "" for hardware only); ``cost_model`` the
    name of the cycle model, "" where there is none; ``qemu_machine`` a QEMU machine with the same
    memory map and UART, or "".
    """

    core: str
    cpu_flags: tuple[str, ...]
    platform: str
    kernels: tuple[str, ...]
    clock_hz: int
    memory: tuple[MemoryRegion, ...]
    uart: Uart
    emulator: str = ""
    cost_model: str = ""
    qemu_machine: str = ""


@dataclass(frozen=True, slots=True)
class EdgeBoard:
    """An int8 runtime on this machine: ``litert``, ``tflm``, ...; ``threads`` used."""

    runtime: str
    threads: int = 1


@dataclass(frozen=True, slots=True)
class FpgaBoard:
    """An FPGA flow: ``flow`` is ``hls4ml_csim`` ...; ``part`` and ``clock_period_ns`` go into
    the generated project."""

    flow: str
    part: str
    clock_period_ns: float
    backend: str = ""
    io_type: str = "io_parallel"


@dataclass(frozen=True, slots=True)
class Board:
    """One board; exactly one of ``mcu``, ``edge``, ``fpga`` is set, as ``target`` says.

    ``evidence`` is what a profile taken on it is worth: ``measured`` or ``simulated``.
    """

    name: str
    title: str
    target: str
    evidence: str
    source: str
    mcu: McuBoard | None = None
    edge: EdgeBoard | None = None
    fpga: FpgaBoard | None = None


def names() -> list[str]:
    """All board names, sorted."""
    return sorted(path.stem for path in folder("boards").glob("*.toml"))


@cache
def load(name: str) -> Board:
    """The board called ``name``; ``ConfigError`` lists the known names when there is none."""
    path = folder("boards") / f"{name}.toml"
    if name not in names():
        raise ConfigError(f"no board {name!r}; known boards: {', '.join(names())}")
    return parse(path)


def parse(path: Path) -> Board:
    """Reads one board file. ``ConfigError`` names the file and the key that is wrong."""
    try:
        data = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    board: Board = _record(Board, data, str(path))
    if getattr(board, board.target, None) is None and board.target != "hls4ml":
        raise ConfigError(f"{path}: target {board.target!r} needs a section [{board.target}]")
    return board


def _record(cls: type[Any], data: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(cls)
    unknown = set(data) - set(hints)
    if unknown:
        raise ConfigError(f"{where}: unknown key {sorted(unknown)[0]!r}; known: {', '.join(hints)}")
    required = {f.name for f in fields(cls) if f.default is MISSING}
    if missing := required - set(data):
        raise ConfigError(f"{where}: key {sorted(missing)[0]!r} is missing")
    return cls(**{key: _value(hints[key], value, f"{where}: {key}") for key, value in data.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if get_origin(hint) in (UnionType, Union):
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
    if get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_value(get_args(hint)[0], item, where) for item in value)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(f"{where}: expected a table, got {value!r}")
        return _record(hint, value, where)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value
