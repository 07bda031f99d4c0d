"""A board's or a part's TOML file as a record; what is unknown or wrong is named by its place."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from hwkit.boards import words
from hwkit.boards.memory import check_flash, check_memory
from hwkit.boards.records import Board, Part
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file
from hwkit.record import from_json, to_json
from hwkit.resources import folder

_MAX_FILE_BYTES = 1 << 20
T = TypeVar("T")

_OWN_IF_GIVEN = ("memory", "device", "flash_timing")
"""Keys that a board may give though its part gives them: regions of memory, which are added or, by
name, replaced (a flash chip beside the part, a boot loader in it), what a flow calls the device,
and what its flash costs at another clock. Any other key in both would be one fact twice."""


def parse(path: Path) -> Board:
    """Reads one board file and its part's. ``ConfigError`` names the file, the key and the value
    that is wrong, and what is known.

    Example: ``parse(Path("boards/virtual_m4.toml")).mcu.core == "cortex-m4"``.
    """
    data = read_toml(path)
    part = _part_of(data.get("part", ""), path)
    board = _record(Board, _merged(data, part, path), path)
    _check_name(board.name, path)
    _check_target(board, path)
    if board.mcu is not None:
        check_memory(board.mcu.memory, path)
        check_flash(board.mcu.flash_timing, path)
    if part is not None:
        board = _with_tools(replace(board, source=f"{part.source}; {board.source}"), part)
    return replace(board, origin=str(path.absolute()))


def parse_part(path: Path) -> Part:
    """Reads one part file; errors as of ``parse``."""
    part = _record(Part, read_toml(path), path)
    _check_name(part.name, path)
    for tool in part.tools:
        if tool not in words.PROGRAMMERS:
            known = ", ".join(words.PROGRAMMERS)
            raise ConfigError(f"{path}: tools: unknown tool {tool!r}; known: {known}")
    if (part.mcu is None) == (part.fpga is None):
        raise ConfigError(f"{path}: a part has a section [mcu] or a section [fpga]; write one")
    return part


def read_toml(path: Path) -> dict[str, Any]:
    """``path`` as TOML; ``ConfigError`` for anything else."""
    try:
        return tomllib.loads(read_file(path, _MAX_FILE_BYTES, "give a TOML file").decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: {error}") from error


def _record(kind: type[T], data: dict[str, Any], path: Path) -> T:
    try:
        return from_json(kind, data, str(path))
    except FormatError as error:
        raise ConfigError(str(error)) from error


def _part_of(name: Any, path: Path) -> Part | None:
    """The part that ``path`` names: a file, or a name to be looked up beside it and in hwkit."""
    if not isinstance(name, str):
        raise ConfigError(f"{path}: part: expected a text, got {name!r:.40}")
    if not name:
        return None
    if name.endswith(".toml"):
        return parse_part(path.parent / name)
    folders = (path.parent / "parts", path.parent.parent / "parts", folder("parts"))
    if name.isidentifier():
        for candidate in folders:
            if (candidate / f"{name}.toml").is_file():
                return _kept(candidate / f"{name}.toml", candidate == folders[-1])
    known = sorted({file.stem for place in folders for file in place.glob("*.toml")})
    raise ConfigError(f"{path}: part: no part {name!r:.80}; known: {', '.join(known)}")


def _kept(path: Path, packaged: bool) -> Part:
    return _packaged(path) if packaged else parse_part(path)


_packaged = cache(parse_part)
"""What hwkit ships does not change while it runs."""


def _merged(data: dict[str, Any], part: Part | None, path: Path) -> dict[str, Any]:
    """``data`` with the part's section under the board's own keys."""
    if part is None:
        return data
    name = "mcu" if part.mcu is not None else "fpga"
    given = {
        key: value
        for key, value in _section_of(part, name).items()
        if value is not None and value != ""
    }
    own = data.get(name, {})
    if not isinstance(own, dict):
        return data  # its error is found with the others
    twice = sorted((set(given) & set(own)) - set(_OWN_IF_GIVEN))
    if twice:
        raise ConfigError(f"{path}: {name}.{twice[0]}: part {part.name} says it; leave it out")
    memory = _regions(given.get("memory", []), own.get("memory", []))
    return {**data, name: {**given, **own, **({"memory": memory} if memory else {})}}


def _regions(part: list[Any], board: Any) -> Any:
    """The part's regions and the board's, which replace those of the same name."""
    if not isinstance(board, list):
        return board  # its error is found with the others
    named = {region.get("name") for region in board if isinstance(region, dict)}
    return [*(region for region in part if region["name"] not in named), *board]


def _section_of(part: Part, name: str) -> dict[str, Any]:
    section: dict[str, Any] = to_json(getattr(part, name))
    return section


def _check_name(name: str, path: Path) -> None:
    if name != path.stem:
        raise ConfigError(f"{path}: name {name!r:.80}; it is the file's: write {path.stem!r}")


def _check_target(board: Board, path: Path) -> None:
    if board.target not in words.SECTIONS:
        return
    section = words.SECTIONS[board.target]
    if section is not None and getattr(board, section) is None:
        raise ConfigError(f"{path}: target {board.target!r} needs a section [{section}]")
    for other in ("mcu", "edge", "onnx", "fpga"):
        if other != section and getattr(board, other) is not None:
            only = f"reads only [{section}]" if section else "reads no section"
            raise ConfigError(f"{path}: {other}: target {board.target!r} {only}")
    if board.settings:
        raise ConfigError(
            f"{path}: settings: target {board.target!r} has none; they are for targets of "
            "other packages"
        )
    flows = words.FLOWS.get(board.target, ())
    if board.fpga is not None and board.fpga.flow not in flows:
        raise ConfigError(
            f"{path}: fpga.flow: target {board.target!r} has no {board.fpga.flow!r}; "
            f"known: {', '.join(flows)}"
        )


def _with_tools(board: Board, part: Part) -> Board:
    """The programmer's target filled in from what the tools call the part."""
    section = board.mcu
    if section is None or section.programmer is None or section.programmer.target:
        return board
    target = part.tools.get(section.programmer.tool, "")
    programmer = replace(section.programmer, target=target)
    return replace(board, mcu=replace(section, programmer=programmer))
