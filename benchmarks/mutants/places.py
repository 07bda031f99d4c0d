"""Which tests cover a file, and how to see that a fault in it changes the program."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Place:
    """``files`` are patterns relative to the repository, ``tests`` selections for pytest that are
    tried in order. ``forms`` are the ways in which C is compiled; ``variant`` that of kernels,
    whose tests follow from the kernels that include the file."""

    files: tuple[str, ...]
    tests: tuple[tuple[str, ...], ...]
    forms: tuple[str, ...] = field(default=())
    variant: str = ""

    def paths(self, root: Path) -> Iterator[str]:
        """The files that are there."""
        for pattern in self.files:
            for path in sorted(root.glob(pattern)):
                yield path.relative_to(root).as_posix()


def load() -> list[Place]:
    """The places in ``places.toml``; a file belongs to the first that names it."""
    table = tomllib.loads((HERE / "places.toml").read_text())
    return [
        Place(
            tuple(row["files"]),
            tuple(tuple(selection) for selection in row["tests"]),
            tuple(row.get("forms", ())),
            row.get("variant", ""),
        )
        for row in table["place"]
    ]


def by_file(root: Path) -> dict[str, Place]:
    """Every file that is mutated, and its place."""
    found: dict[str, Place] = {}
    for place in load():
        for path in place.paths(root):
            if not path.endswith("__init__.py"):
                found.setdefault(path, place)
    return found
