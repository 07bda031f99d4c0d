"""Places: a board at a port, by a name of the user's own; ``--board`` takes one.

``places.toml`` lies in the user's configuration folder, or where ``HWKIT_PLACES`` says::

    [bench]
    board = "nucleo_l4r5zi"
    port = "/dev/ttyACM0"
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from hwkit.boards.found import find_all, is_path
from hwkit.boards.read import read_toml
from hwkit.errors import ConfigError, FormatError
from hwkit.record import DERIVED, from_json

VARIABLE = "HWKIT_PLACES"


@dataclass(frozen=True, slots=True)
class Place:
    """``board`` is a name or a file (relative to ``places.toml``), ``port`` a pyserial URL or
    device: ``/dev/ttyACM0``, ``socket://host:port``."""

    board: str
    port: str
    name: str = field(default="", metadata=DERIVED)


def places_file() -> Path:
    """Where the places stand: ``HWKIT_PLACES``, or ``hwkit/places.toml`` in ``XDG_CONFIG_HOME``
    (``~/.config`` without one)."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "hwkit" / "places.toml"


def load_places() -> list[Place]:
    """The places in the order of the file; none where there is no file.

    ``ConfigError`` names the file and what is wrong: a key, or a name that is a board's.
    """
    path = places_file()
    if not path.is_file() and VARIABLE not in os.environ:
        return []
    boards = {board.name for board in find_all()}
    return [_place(name, value, path, boards) for name, value in read_toml(path).items()]


def placed(reference: str) -> tuple[str, str | None]:
    """What ``--board`` names: the board, and the port of the place it is at or None.

    Example: ``placed("bench") == ("nucleo_l4r5zi", "/dev/ttyACM0")``, ``placed("virtual_m4") ==
    ("virtual_m4", None)``.
    """
    if is_path(reference):
        return reference, None
    for place in load_places():
        if place.name == reference:
            return place.board, place.port
    return reference, None


def _place(name: str, value: object, path: Path, boards: set[str]) -> Place:
    if name in boards or is_path(name):
        raise ConfigError(f"{path}: {name}: a board or a file is called so; rename the place")
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {name}: expected a table with board and port; see hwkit places")
    if set(value) == {"board"}:
        raise ConfigError(f'{path}: {name}: has no port; add port = "/dev/ttyACM0" or another URL')
    try:
        place = from_json(Place, value, f"{path}: {name}")
    except FormatError as error:
        raise ConfigError(str(error)) from error
    board = str(path.parent / place.board) if is_path(place.board) else place.board
    return Place(board, place.port, name)
