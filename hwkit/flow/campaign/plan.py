"""What a campaign has to do: its cells' rows, each by the digest of all that it is made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwkit import boards, targets
from hwkit.boards.places import placed
from hwkit.errors import HwkitError
from hwkit.flow.campaign.matrix import Campaign, Cell, cells
from hwkit.flow.models import load
from hwkit.formats import who
from hwkit.ir import serialize
from hwkit.profile.store.database import Place
from hwkit.profile.store.jobs import Job, known
from hwkit.record import to_json


@dataclass(frozen=True, slots=True)
class Task:
    """A cell and its ``rows``: digests, those of one build that differ in their number alone.

    ``refusal``: why it can't even begin (a model that can't be read, a board whose tools are
    missing), else ""."""

    cell: Cell
    rows: tuple[str, ...]
    on_host: bool
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """Tasks, and what is known of their rows."""

    tasks: tuple[Task, ...]
    jobs: Mapping[str, Job] = field(default_factory=dict)

    def left(self, task: Task) -> tuple[str, ...]:
        """Rows that are neither done nor refused."""
        return tuple(row for row in task.rows if self.state(row) in ("waiting", "failed"))

    def state(self, row: str) -> str:
        """``done``, ``refused``, ``failed`` or ``waiting``."""
        return self.jobs[row].state if row in self.jobs else "waiting"

    def reasons(self, state: str) -> dict[str, str]:
        """Why cells are not done, of which a row is ``state``: by title."""
        return {
            task.cell.title: self.jobs[row].message
            for task in self.tasks
            for row in task.rows
            if self.state(row) == state and row in self.jobs
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """Rows by board and state."""
        found: dict[str, dict[str, int]] = {}
        for task in self.tasks:
            of = found.setdefault(
                Path(task.cell.board).stem, {"done": 0, "refused": 0, "failed": 0, "waiting": 0}
            )
            for row in task.rows:
                of[self.state(row)] += 1
        return found


def tasks(campaign: Campaign, folder: Path) -> tuple[Task, ...]:
    """Every cell with its rows. ``ConfigError`` for a board that nobody knows."""
    models: dict[Path, tuple[str, str]] = {}
    known_boards: dict[str, tuple[Any, str, bool]] = {}
    found = []
    for cell in cells(campaign, folder):
        if cell.model not in models:
            models[cell.model] = _model(cell.model)
        if cell.board not in known_boards:
            known_boards[cell.board] = _board(cell.board)
        model, unreadable = models[cell.model]
        board, missing, on_host = known_boards[cell.board]
        parts = [model, board, dict(cell.shape), _fixed(campaign), who()]
        rows = tuple(_digest([*parts, k]) for k in range(campaign.matrix.repeats))
        found.append(Task(cell, rows, on_host, unreadable or missing))
    return tuple(found)


def progress(campaign: Campaign, folder: Path, place: Place) -> Progress:
    """The tasks and what the store knows of them."""
    found = tasks(campaign, folder)
    return Progress(found, known([row for task in found for row in task.rows], place))


def _fixed(campaign: Campaign) -> Sequence[int]:
    matrix = campaign.matrix
    return matrix.inferences, matrix.verify, matrix.seed


def _model(path: Path) -> tuple[str, str]:
    """The digest of a model, and why it can't be read."""
    try:
        return serialize.digest(load(path)), ""
    except HwkitError as error:
        return hashlib.sha256(str(path).encode()).hexdigest(), str(error)


def _board(name: str) -> tuple[Any, str, bool]:
    """All that a board's figures depend on, what is missing to run it, and whether this machine
    itself is what runs. Two places may have the same board, and are two boards: the place's name
    counts, its port may change."""
    reference, port = placed(name)
    board = boards.load(reference)
    on_host = board.edge is not None or board.onnx is not None
    facts = [to_json(board)] if port is None else [to_json(board), name]
    try:
        tools = dict(targets.get(board).tools(board))
    except HwkitError as error:
        return facts[0] if port is None else facts, str(error), on_host
    return [*facts, tools], "", on_host


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
