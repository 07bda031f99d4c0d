"""Where board files are looked for, and which of two of one name counts.

In this order: a path given on the command line; the folders of ``HWKIT_BOARDS``; hwkit's own;
those of installed packages (entry points ``hwkit.boards``). The first one counts, the others are
told as hidden.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from hwkit.boards.read import parse
from hwkit.boards.records import Board
from hwkit.errors import ConfigError, near
from hwkit.resources import folder

VARIABLE = "HWKIT_BOARDS"
GROUP = "hwkit.boards"
OWN = "hwkit"


@dataclass(frozen=True, slots=True)
class Found:
    """A board file; ``origin`` is ``HWKIT_BOARDS``, ``hwkit`` or ``package NAME``, ``hides`` the
    files of the same name that do not count because of it."""

    name: str
    path: Path
    origin: str
    hides: tuple[Path, ...] = ()


def is_path(reference: str) -> bool:
    """Whether ``--board`` was given a file: it ends in ``.toml`` or holds a separator."""
    separators = {os.sep, os.altsep or os.sep}
    return reference.endswith(".toml") or any(mark in reference for mark in separators)


def find_all() -> list[Found]:
    """Every board that has a name, sorted by it."""
    found: dict[str, Found] = {}
    for origin, place in _folders():
        for path in sorted(place.glob("*.toml")):
            first = found.get(path.stem, Found(path.stem, path, origin))
            hidden = (*first.hides, path) if first.path != path else first.hides
            found[path.stem] = Found(first.name, first.path, first.origin, hidden)
    return [found[name] for name in sorted(found)]


def names() -> list[str]:
    """All board names, sorted."""
    return [board.name for board in find_all()]


def load(reference: str) -> Board:
    """The board called ``reference``, or the one that this file describes.

    ``ConfigError`` lists the known names when there is none, and says what is wrong in the file.
    Example: ``load("virtual_m4")``, ``load("./my_board.toml")``.
    """
    if is_path(reference):
        return parse(Path(reference))
    for origin, place in _folders():
        path = place / f"{reference}.toml"
        if reference.isidentifier() and path.is_file():
            return _packaged(path) if origin == OWN else parse(path)
    raise ConfigError(
        f"no board {reference!r:.80}; {near(reference, names())}; or give a file ./NAME.toml, or "
        "a place of 'hwkit places'"
    )


_packaged = cache(parse)
"""What hwkit ships does not change while it runs."""


def _folders() -> Iterator[tuple[str, Path]]:
    """Origin and folder, the first to count first."""
    for text in filter(None, os.environ.get(VARIABLE, "").split(os.pathsep)):
        if not Path(text).is_dir():
            raise ConfigError(f"{VARIABLE}: {text!r:.80} is no folder; name folders of board files")
        yield VARIABLE, Path(text)
    yield OWN, folder("boards")
    yield from _package_folders()


@cache
def _package_folders() -> tuple[tuple[str, Path], ...]:
    """The folder of each package that an entry point names; the package is not imported, the one
    that it is part of is."""
    # Here, for it takes a fifth of the time in which a virtual board starts.
    from importlib.metadata import entry_points

    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            spec = find_spec(entry.module)
        except (ImportError, ValueError):
            spec = None
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(
                f"entry point {GROUP} {entry.name!r}: {entry.value!r} is no package with a "
                "folder; reinstall or remove what brings it"
            )
        found += [(f"package {entry.name}", Path(p)) for p in spec.submodule_search_locations]
    return tuple(found)
