"""Spaces of networks: a recipe in TOML, some of whose values are choices.

Where a recipe has a value, a space may have a list of them (``channels = [8, 12, 16]``) or, of
whole numbers, a range (``{from = 8, to = 16, step = 4}``). A block's ``repeat`` says how often it
stands there, 0 is not at all; repetitions have stride 1. The table ``search`` is about how to look.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file
from hwkit.record import from_json
from hwkit.train import recipe as recipes
from hwkit.train.recipe import MAX_RECIPE_BYTES, Recipe, recipe_from

Value = str | int | float | bool
_BUILT_IN = Path(recipes.__file__).resolve().parent / "spaces"
_RANGE = {"from", "to", "step"}
_MOST_CHOICES = 256
_MOST_REPEATS = 32
_SMALL_IS_LARGE = ("stride",)
"""Keys whose largest value makes the cheapest network."""


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look: so many ``candidates`` that hold the budget are trained a little; of each
    of ``rungs`` trainings one in ``halving`` goes on to the next, which is ``halving`` times as
    long; the last is the recipe's. Example: 18 candidates, 3 and 3: 18, 6 and 2 networks at 1/9,
    1/3 and all of the epochs, the work of 6 trainings."""

    candidates: int = 18
    halving: int = 3
    rungs: int = 3


@dataclass(frozen=True, slots=True)
class Dimension:
    """One value that is chosen: its name (``blocks.conv1.channels``), its place in the recipe, and
    the choices in the order of the file."""

    name: str
    place: tuple[str | int, ...]
    values: tuple[Value, ...]

    @property
    def is_ordered(self) -> bool:
        """Whether the choices are numbers, of which neighbours are alike."""
        return all(isinstance(v, int | float) and not isinstance(v, bool) for v in self.values)

    def least(self) -> Value:
        """The choice of which least cost is expected."""
        if not self.is_ordered:
            return self.values[0]
        pick = max if self.place[-1] in _SMALL_IS_LARGE else min
        return pick(self.values, key=float)


@dataclass(frozen=True, slots=True)
class Space:
    """The networks that are looked at: ``template`` a recipe as ``tomllib`` gives it, with the
    choices at the places of ``dimensions``."""

    path: Path
    template: Mapping[str, Any]
    dimensions: tuple[Dimension, ...]
    effort: Effort

    @property
    def name(self) -> str:
        return str(self.template.get("name", self.path.stem))

    def size(self) -> int:
        """Combinations of choices."""
        return prod(len(dimension.values) for dimension in self.dimensions)

    def least(self) -> dict[str, Value]:
        """The cheapest choice of each value by itself."""
        return {dimension.name: dimension.least() for dimension in self.dimensions}

    def recipe(self, chosen: Mapping[str, Value]) -> Recipe:
        """The recipe of one point. ``ConfigError`` where it is none."""
        value = deepcopy(dict(self.template))
        for dimension in self.dimensions:
            at: Any = value
            for key in dimension.place[:-1]:
                at = at[key]
            at[dimension.place[-1]] = chosen[dimension.name]
        blocks = value.get("blocks")
        if isinstance(blocks, list):
            value["blocks"] = [one for block in blocks for one in _repeated(block, self.path)]
        return recipe_from(value, self.path)


def built_in() -> tuple[str, ...]:
    """Names of the spaces that come with hwkit, sorted."""
    return tuple(sorted(path.stem for path in _BUILT_IN.glob("*.toml")))


def read_space(name: str | Path) -> Space:
    """The space in a TOML file, or a built-in one by name.

    Raises ``ConfigError`` naming file and key for what is no space: no TOML, nothing to choose, a
    choice that no recipe may have. Example: ``read_space("digits").size()``.
    """
    path = Path(name)
    inside = _BUILT_IN / f"{name}.toml"
    path = inside if path.suffix == "" and not path.exists() and inside.exists() else path
    try:
        remedy = f"give a space file or one of {', '.join(built_in())}"
        value = tomllib.loads(read_file(path, MAX_RECIPE_BYTES, remedy).decode())
        effort = from_json(Effort, value.pop("search", {}), f"{path}: search")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{path}: not TOML ({error}); correct the space") from error
    except FormatError as error:
        raise ConfigError(str(error)) from error
    space = Space(path, value, tuple(_dimensions(value, path)), effort)
    _check(space)
    return space


def _dimensions(value: Mapping[str, Any], path: Path) -> Iterator[Dimension]:
    blocks = value.get("blocks")
    tables: list[tuple[str, tuple[str | int, ...], Any]] = [("", (), value)]
    tables += [(f"{key}.", (key,), table) for key, table in value.items()
               if isinstance(table, dict) and not _RANGE & set(table)]  # fmt: skip
    if isinstance(blocks, list):
        tables += [
            (f"blocks.{block.get('name', i)}.", ("blocks", i), block)
            for i, block in enumerate(blocks)
            if isinstance(block, dict)
        ]
    for title, place, table in tables:
        for key, item in table.items():
            if place == () and key == "blocks":
                continue
            if isinstance(item, list) or (isinstance(item, dict) and _RANGE & set(item)):
                where = f"{path}: {title}{key}"
                yield Dimension(f"{title}{key}", (*place, key), _choices(item, where))


def _choices(item: Any, where: str) -> tuple[Value, ...]:
    if isinstance(item, dict):
        item = _range(item, where)
    scalars = all(isinstance(one, str | int | float | bool) for one in item)
    if not scalars or not 1 <= len(item) <= _MOST_CHOICES or len(set(map(repr, item))) < len(item):
        raise ConfigError(
            f"{where}: {item!r:.40}: give 1 to {_MOST_CHOICES} different values, as [8, 16]"
        )
    return tuple(item)


def _range(item: Mapping[str, Any], where: str) -> Sequence[int]:
    match item:
        case {"from": int(first), "to": int(last), **rest} if rest.keys() <= {"step"}:
            step = rest.get("step", 1)
            if type(step) is int and step >= 1 and 0 <= (last - first) // step < _MOST_CHOICES:
                return range(first, last + 1, step)
    raise ConfigError(
        f"{where}: a range is whole numbers, at most {_MOST_CHOICES} of them, as "
        "{from = 8, to = 32, step = 8}"
    )


def _repeated(block: Any, path: Path) -> list[Any]:
    """The block as often as its ``repeat`` says."""
    if not isinstance(block, dict) or "repeat" not in block:
        return [block]
    times, bare = block["repeat"], {key: v for key, v in block.items() if key != "repeat"}
    if type(times) is not int or not 0 <= times <= _MOST_REPEATS:
        raise ConfigError(
            f"{path}: blocks.{bare.get('name')}.repeat: {times!r:.20} is not in 0..{_MOST_REPEATS}"
        )
    rest = [{**bare, "name": f"{bare.get('name')}_{k}", "stride": 1} for k in range(2, times + 1)]
    return [bare, *rest] if times else []


def _check(space: Space) -> None:
    """Every choice by itself, the others at their least."""
    if not space.dimensions:
        raise ConfigError(
            f"{space.path}: nothing to choose; give some values as lists, as channels = [8, 16]"
        )
    effort = space.effort
    for key, low, high in (("candidates", 1, 100_000), ("halving", 2, 100), ("rungs", 1, 10)):
        if not low <= getattr(effort, key) <= high:
            raise ConfigError(
                f"{space.path}: search.{key}: {getattr(effort, key)} is not in {low}..{high}"
            )
    least = space.least()
    for dimension in space.dimensions:
        for value in dimension.values:
            try:
                space.recipe({**least, dimension.name: value})
            except ConfigError as error:
                raise ConfigError(f"{error} (choice {value!r:.20} of {dimension.name})") from error
