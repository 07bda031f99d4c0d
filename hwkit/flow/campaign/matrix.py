"""A campaign's file: which models on which boards, in which builds, how often."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

from hwkit import boards
from hwkit.boards.places import placed
from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file
from hwkit.flow.shape import Shape
from hwkit.record import from_json

_MOST_BYTES = 1 << 20
_MOST_ROWS = 100_000
"""More is a mistake in the file rather than a campaign."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """Cells: those that match all that is given, with ``*`` and ``?``. ``model`` is matched with
    the file's name."""

    model: str = "*"
    board: str = "*"
    optimize: str = "*"
    sram: str = "*"
    input: str = "*"


@dataclass(frozen=True, slots=True)
class Extra:
    """Cells beside the matrix."""

    model: str
    board: str
    optimize: str = ""
    sram: str = ""
    input: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """A cell that fails is tried ``attempts`` times, after ``backoff_s`` seconds, twice as many,
    and so on, each for at most ``timeout_s``. A board on which ``quarantine_after`` cells failed
    one after the other is left alone from then on."""

    attempts: int = 3
    backoff_s: float = 2.0
    timeout_s: float = 900.0
    quarantine_after: int = 3


@dataclass(frozen=True, slots=True)
class Matrix:
    """``models`` are files, with ``*`` and ``?``, from the campaign's folder; ``boards`` names,
    files or places. An option is a list of values; "" is the board's own, and boards that are no
    microcontrollers have no other. ``repeats`` rows of each cell,
    each the medians of ``inferences``; ``verify`` inputs are compared before (0: none)."""

    models: tuple[str, ...]
    boards: tuple[str, ...]
    optimize: tuple[str, ...] = ("",)
    sram: tuple[str, ...] = ("",)
    input: tuple[str, ...] = ("",)
    repeats: int = 1
    inferences: int = 10
    verify: int = 2
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign's file; ``folder`` is where it lies."""

    name: str
    matrix: Matrix
    exclude: tuple[Pattern, ...] = ()
    include: tuple[Extra, ...] = ()
    retry: Retry = field(default_factory=Retry)


@dataclass(frozen=True, slots=True)
class Cell:
    """One model on one board in one build."""

    model: Path
    board: str
    optimize: str = ""
    sram: str = ""
    input: str = ""

    @property
    def options(self) -> dict[str, str]:
        """Of the build, as the file has them: "" is the board's own."""
        return {"optimize": self.optimize, "sram": self.sram, "input": self.input}

    @property
    def shape(self) -> Shape:
        """The same as a build takes them: None is the board's own."""
        return {key: value or None for key, value in self.options.items()}  # type: ignore[return-value]

    @property
    def title(self) -> str:
        """Example: ``kws.tflite on virtual_m4, optimize=speed``."""
        told = "".join(f", {key}={value}" for key, value in self.options.items() if value)
        return f"{self.model.name} on {self.board}{told}"


def read(path: Path) -> Campaign:
    """The campaign in a TOML file. ``FormatError`` for what is no such file, naming the key."""
    data = read_file(path, _MOST_BYTES, "give a campaign's .toml")
    try:
        value: dict[str, Any] = tomllib.loads(data.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise FormatError(f"{path}: no TOML ({error}); see docs/campaigns.md") from error
    value.setdefault("name", path.stem)
    campaign = from_json(Campaign, value, str(path))
    _check(campaign, str(path))
    return campaign


def _check(campaign: Campaign, where: str) -> None:
    matrix, retry = campaign.matrix, campaign.retry
    least = {
        "matrix.repeats": (matrix.repeats, 1),
        "matrix.inferences": (matrix.inferences, 1),
        "matrix.verify": (matrix.verify, 0),
        "retry.attempts": (retry.attempts, 1),
        "retry.backoff_s": (retry.backoff_s, 0),
        "retry.timeout_s": (retry.timeout_s, 1),
        "retry.quarantine_after": (retry.quarantine_after, 1),
    }
    for name, (value, bound) in least.items():
        if not bound <= value <= 1_000_000:
            raise ConfigError(f"{where}: {name} is {value}; from {bound} to 1,000,000")
    for name in ("models", "boards", "optimize", "sram", "input"):
        if not getattr(matrix, name):
            raise ConfigError(f"{where}: matrix.{name} is empty; nothing would be measured")


def cells(campaign: Campaign, folder: Path) -> list[Cell]:
    """All cells, each once: the matrix without what is excluded, and what is included.

    ``folder``: where names of models and boards' files count from. ``ConfigError`` for a pattern
    that no file matches, and for a board that nobody knows.
    """
    matrix = campaign.matrix
    models = [path for pattern in matrix.models for path in _files(pattern, folder)]
    places = [_board(name, folder) for name in matrix.boards]
    builds = [(place, *options) for place in places for options in _options(matrix, place)]
    found = [
        cell
        for model, build in product(models, builds)
        if not _excluded(cell := Cell(model, *build), campaign.exclude)
    ]
    for extra in campaign.include:
        for model in _files(extra.model, folder):
            board = _board(extra.board, folder)
            found.append(Cell(model, board, extra.optimize, extra.sram, extra.input))
    unique = list(dict.fromkeys(found))
    if len(unique) * matrix.repeats > _MOST_ROWS:
        raise ConfigError(
            f"{campaign.name}: {len(unique) * matrix.repeats:,} rows; at most {_MOST_ROWS:,}"
        )
    if not unique:
        raise ConfigError(f"{campaign.name}: no cells are left; exclude fewer")
    return unique


def _options(matrix: Matrix, board: str) -> list[tuple[str, str, str]]:
    """The builds of a board: of a microcontroller all, of another, which has no options, its own.
    ``ConfigError`` for a board that nobody knows."""
    if boards.load(placed(board)[0]).mcu is None:
        return [("", "", "")]
    return list(product(matrix.optimize, matrix.sram, matrix.input))


def _files(pattern: str, folder: Path) -> Sequence[Path]:
    path = folder / pattern
    if path.is_file():
        return [path]
    anchor = Path(path.anchor)
    matches = sorted(p for p in anchor.glob(str(path.relative_to(anchor))) if p.is_file())
    if not matches:
        raise ConfigError(f"models: no file matches {pattern!r} in {folder}; check the name")
    return matches


def _board(name: str, folder: Path) -> str:
    """A name, or the path of a board's file beside the campaign."""
    return str((folder / name).resolve()) if name.endswith(".toml") else name


def _excluded(cell: Cell, patterns: Sequence[Pattern]) -> bool:
    values: Mapping[str, str] = {
        "model": cell.model.name,
        "board": Path(cell.board).stem if cell.board.endswith(".toml") else cell.board,
        **cell.options,
    }
    return any(
        all(fnmatchcase(value, getattr(pattern, key)) for key, value in values.items())
        for pattern in patterns
    )
