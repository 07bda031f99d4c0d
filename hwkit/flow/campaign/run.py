"""Runs what is left of a campaign."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hwkit.boards.places import placed
from hwkit.errors import ConfigError
from hwkit.flow.campaign.child import Order
from hwkit.flow.campaign.matrix import Campaign
from hwkit.flow.campaign.plan import Task, progress
from hwkit.flow.campaign.worker import CellFailed, CellRefused, Workers
from hwkit.profile.measurement import Measurement
from hwkit.profile.store import check
from hwkit.profile.store.database import Place
from hwkit.profile.store.jobs import State, finish, give_up
from hwkit.profile.store.measurements import Exactness
from hwkit.toolchain.cache import cache_folder


@dataclass(frozen=True, slots=True)
class Outcome:
    """Rows of a run: ``stored`` now, ``before`` it, ``inexact`` of those stored now (integers
    differ), cells ``refused`` now or before and ``failed`` by title with the reason, and boards
    that were left alone (``quarantined``)."""

    rows: int
    before: int
    stored: int
    inexact: int
    refused: dict[str, str]
    failed: dict[str, str]
    quarantined: tuple[str, ...]


@dataclass
class _Board:
    """One measurement at a time; failed cells in a row."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    failures: int = 0
    quarantined: bool = False


class Run:
    """One run of a campaign, on this machine or by ``children``; ``told`` gets a line for each row
    and each cell that ends."""

    def __init__(
        self,
        campaign: Campaign,
        folder: Path,
        place: Place,
        workers: int,
        told: Callable[[str], None] = lambda line: None,
        children: Workers | None = None,
    ) -> None:
        if workers < 1:
            raise ConfigError(f"workers {workers}: at least 1")
        self.campaign, self.place, self.workers, self.told = campaign, place, workers, told
        check(place)
        self.progress = progress(campaign, folder, place)
        self._children = children or Workers()
        self._boards: dict[str, _Board] = {t.cell.board: _Board() for t in self.progress.tasks}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._stored = self._inexact = 0
        self._refused = self.progress.reasons("refused")
        self._failed: dict[str, str] = {}

    def go(self) -> Outcome:
        """Does all that is left; what is stored stays, whatever ends it.

        Builds run side by side and measurements one at a time on a board. Boards whose time is this
        machine's own come last, each alone.
        """
        left = [task for task in self.progress.tasks if self.progress.left(task)]
        try:
            with ThreadPoolExecutor(self.workers) as pool:
                for done in [pool.submit(self._task, t) for t in left if not t.on_host]:
                    done.result()
            for task in left:
                if task.on_host:
                    self._task(task)
        except BaseException:
            self._stop.set()
            self._children.stop()
            raise
        return self._outcome()

    def _outcome(self) -> Outcome:
        rows = [row for task in self.progress.tasks for row in task.rows]
        return Outcome(
            rows=len(rows),
            before=sum(self.progress.state(row) == "done" for row in rows),
            stored=self._stored,
            inexact=self._inexact,
            refused=self._refused,
            failed=self._failed,
            quarantined=tuple(name for name, b in self._boards.items() if b.quarantined),
        )

    def _task(self, task: Task) -> None:
        board, retry = self._boards[task.cell.board], self.campaign.retry
        rows = list(self.progress.left(task))
        if task.refusal:
            self._give_up(task, rows, "failed", 0, task.refusal)
            return
        for attempt in range(1, retry.attempts + 1):
            if board.quarantined or self._stop.is_set():
                return
            try:
                self._attempt(task, rows, attempt, board)
                board.failures = 0
                return
            except CellRefused as error:
                self._give_up(task, rows, "refused", attempt, str(error))
                return
            except CellFailed as error:
                reason = str(error)
                self.told(f"{task.cell.title}: {reason}")
            if attempt < retry.attempts:
                self._stop.wait(retry.backoff_s * 2 ** (attempt - 1))
        self._give_up(task, rows, "failed", retry.attempts, reason)
        with self._lock:
            board.failures += 1
            board.quarantined = board.failures >= retry.quarantine_after

    def _attempt(self, task: Task, rows: list[str], attempt: int, board: _Board) -> None:
        """Measures ``rows``; those that are stored leave the list."""
        matrix, cell = self.campaign.matrix, task.cell
        board_there, port = placed(cell.board)
        order = Order(
            model=str(cell.model),
            board=board_there,
            port=port,
            shape=cell.shape,
            rows=len(rows),
            inferences=matrix.inferences,
            verify=matrix.verify,
            seed=matrix.seed,
            store=None if self.place is None else str(self.place),
        )

        def store(taken: Measurement, exactness: Exactness | None) -> None:
            row = rows.pop(0)
            if finish(row, taken, exactness, attempt, self.place):
                self._count(exactness)
            self.told(cell.title)

        log = cache_folder("logs") / f"campaign-{task.rows[0][:24]}.log"
        timeout_s = self.campaign.retry.timeout_s
        self._children.run(order, log, timeout_s, lambda: self._alone_on(board), store)

    @contextmanager
    def _alone_on(self, board: _Board) -> Iterator[None]:
        with board.lock:
            if board.quarantined:
                raise CellFailed("its board is left alone after too many failures")
            yield

    def _count(self, exactness: Exactness | None) -> None:
        with self._lock:
            self._stored += 1
            self._inexact += exactness is not None and exactness.differing > 0

    def _give_up(self, task: Task, rows: list[str], state: State, attempts: int, why: str) -> None:
        give_up(rows, state, attempts, why, self.place)
        with self._lock:
            (self._refused if state == "refused" else self._failed)[task.cell.title] = why
        self.told(f"{task.cell.title}: {state}: {why}")
