"""Campaigns that meet trouble: every row once, what fails again and again is left alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from hwkit.cli import _run
from hwkit.errors import ConfigError
from hwkit.flow.campaign.child import Order
from hwkit.flow.campaign.matrix import read
from hwkit.flow.campaign.run import Outcome, Run
from hwkit.flow.campaign.worker import CellFailed, CellRefused, Workers
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp, Dense, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.profile import store
from hwkit.profile.measurement import Measurement
from hwkit.profile.store.measurements import Exactness
from tests.profile.example import MEASUREMENT

R = Rescale((1,), (7,), Rounding.HALF_UP, -128, 127)
FILE = """
[matrix]
models = ["*.hwk"]
boards = {boards}
repeats = 3
inferences = 1
verify = 1
[retry]
attempts = 2
backoff_s = 0.0
quarantine_after = 2
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for k, name in enumerate(("a", "b", "c", "d")):
        b = GraphBuilder(name)
        b.input("x", (4,), S8)
        b.constant("w", np.full((3, 4), k + 1), S8)
        b.add(Dense("fc", "x", "w", None, "y", rescale=R), S8)
        b.add(Clamp("relu", "y", "z", 0, 127), S8)
        b.build(["z"]).save(str(tmp_path / f"{name}.hwk"))
    return tmp_path


def campaign(folder: Path, *boards: str) -> Path:
    path = folder / "c.toml"
    path.write_text(FILE.format(boards=json.dumps(boards)))
    return path


class Scripted(Workers):
    """Boards that do what ``act`` says of an order and the how-manieth attempt at it this is."""

    def __init__(self, act: Callable[[Order, int], int]) -> None:
        super().__init__()
        self.act = act
        self.attempts: dict[tuple[str, str], int] = {}

    def run(
        self,
        order: Order,
        log: Path,
        timeout_s: float,
        board_is_free: Callable[[], AbstractContextManager[object]],
        row: Callable[[Measurement, Exactness | None], None],
    ) -> None:
        key = (order.board, Path(order.model).stem)
        self.attempts[key] = self.attempts.get(key, 0) + 1
        with board_is_free():
            rows = self.act(order, self.attempts[key])
            for _ in range(min(rows, order.rows)):
                row(MEASUREMENT, Exactness(1, 10, 0))
        if rows < order.rows:
            raise CellFailed("it broke")


def done(folder: Path, act: Callable[[Order, int], int], *boards: str) -> tuple[Outcome, Scripted]:
    found = Run(read(campaign(folder, *boards)), folder, folder / "s.db", workers=2)
    found._children = scripted = Scripted(act)
    return found.go(), scripted


def stored(folder: Path) -> int:
    return len(store.read(folder / "s.db"))


def test_rows_before_a_failure_are_kept_and_the_others_tried_again(folder: Path) -> None:
    found, boards = done(folder, lambda order, attempt: 1 if attempt == 1 else 9, "virtual_m0")
    assert (found.rows, found.stored, found.failed) == (12, 12, {})
    assert set(boards.attempts.values()) == {2} and stored(folder) == 12


def test_what_this_machine_times_comes_last(folder: Path) -> None:
    seen: list[str] = []

    def act(order: Order, attempt: int) -> int:
        seen.append(order.board)
        return 9

    done(folder, act, "host_onnxruntime", "virtual_m0", "host_litert")
    assert seen[:4] == ["virtual_m0"] * 4
    assert set(seen[4:]) == {"host_onnxruntime", "host_litert"} and len(seen) == 12


def test_a_second_run_measures_nothing_again(folder: Path) -> None:
    done(folder, lambda order, attempt: 9, "virtual_m0")
    found, boards = done(folder, lambda order, attempt: 9, "virtual_m0", "virtual_m4")
    assert (found.before, found.stored, stored(folder)) == (12, 12, 24)
    assert {board for board, _ in boards.attempts} == {"virtual_m4"}


def test_places_are_boards_of_their_own_at_their_ports(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = "".join(
        f'[{name}]\nboard = "nucleo_l4r5zi"\nport = "socket://localhost:{port}"\n'
        for name, port in (("left", 1), ("right", 2))
    )
    (folder / "places.toml").write_text(places)
    monkeypatch.setenv("HWKIT_PLACES", str(folder / "places.toml"))
    seen: set[tuple[str, str | None]] = set()

    def act(order: Order, attempt: int) -> int:
        seen.add((order.board, order.port))
        return 9

    found, _ = done(folder, act, "left", "right")
    assert (found.rows, found.stored) == (24, 24)
    assert seen == {("nucleo_l4r5zi", f"socket://localhost:{port}") for port in (1, 2)}


def test_a_board_that_keeps_failing_is_left_alone_and_the_others_go_on(folder: Path) -> None:
    def dies(order: Order, attempt: int) -> int:
        return 9 if order.board == "virtual_m4" else 0

    found, boards = done(folder, dies, "virtual_m0", "virtual_m4")
    assert found.quarantined == ("virtual_m0",) and found.stored == 12
    assert sum(n for (board, _), n in boards.attempts.items() if board == "virtual_m0") <= 6
    assert all("it broke" in why for why in found.failed.values())
    again, _ = done(folder, lambda order, attempt: 9, "virtual_m0", "virtual_m4")
    assert (again.stored, stored(folder)) == (12, 24)


def test_what_a_board_refuses_is_tried_once_for_all(folder: Path) -> None:
    def refuses(order: Order, attempt: int) -> int:
        if Path(order.model).stem == "b":
            raise CellRefused("b: not on this board")
        return 9

    found, boards = done(folder, refuses, "virtual_m0")
    assert list(found.refused.values()) == ["b: not on this board"]
    assert boards.attempts["virtual_m0", "b"] == 1 and found.stored == 9
    again, boards = done(folder, refuses, "virtual_m0")
    assert (again.before, boards.attempts) == (9, {})
    assert again.refused == found.refused


def test_status_says_why_rows_are_not_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.hwk").write_bytes(b"no model")

    def refuses(order: Order, attempt: int) -> int:
        raise CellRefused("not on this board")

    done(folder, refuses, "virtual_m0")
    assert _run([*command(folder, "status"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["boards"] == {"virtual_m0": {"done": 0, "refused": 9, "failed": 3, "waiting": 0}}
    names = [f"{name}.hwk on virtual_m0" for name in "bcd"]
    assert facts["refused"] == dict.fromkeys(names, "not on this board")
    assert list(facts["failed"]) == ["a.hwk on virtual_m0"]
    assert _run(command(folder, "status")) == 0
    assert "refused: b.hwk on virtual_m0: not on this board" in capsys.readouterr().out


def test_without_rows_an_export_has_its_columns(folder: Path) -> None:
    campaign(folder, "virtual_m0")
    assert _run([*command(folder, "export"), "-o", str(folder / "r.csv")]) == 0
    (head,) = (folder / "r.csv").read_text().splitlines()
    assert head.startswith("id,time_utc,model,board,evidence")


def test_a_model_that_cannot_be_read_stops_nobody_else(folder: Path) -> None:
    (folder / "a.hwk").write_bytes(b"no model")
    found, _ = done(folder, lambda order, attempt: 9, "virtual_m0")
    (why,) = found.failed.values()
    assert "a.hwk" in why and found.stored == 9


def command(folder: Path, *arguments: str) -> list[str]:
    return ["campaign", *arguments, str(folder / "c.toml"), "--store", str(folder / "s.db")]


def test_the_commands_on_real_boards(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("b", "c", "d"):
        (folder / f"{name}.hwk").unlink()
    campaign(folder, "virtual_m0", "host_litert")
    assert _run([*command(folder, "run"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["stored"], facts["inexact"], facts["failed"]) == (6, 0, {})
    assert _run(command(folder, "resume")) == 0
    assert "6 rows: 0 measured now, 6 before" in capsys.readouterr().out
    assert _run([*command(folder, "status"), "--json"]) == 0
    boards = json.loads(capsys.readouterr().out)["boards"]
    assert [of["done"] for of in boards.values()] == [3, 3]
    assert _run([*command(folder, "export"), "-o", str(folder / "r.csv")]) == 0
    lines = (folder / "r.csv").read_text().splitlines()
    assert len(lines) == 7 and "differing" in lines[0]
    rows = store.read(folder / "s.db")
    assert all(r.exactness and r.exactness.integers > 0 == r.exactness.differing for r in rows)
    assert {r.measurement.evidence for r in rows} == {"simulated", "measured"}


def test_a_killed_campaign_loses_the_row_under_way_at_most(folder: Path) -> None:
    path = campaign(folder, "virtual_m0")
    path.write_text(path.read_text().replace("repeats = 3", "repeats = 40"))
    start = [sys.executable, "-c", "import sys; from hwkit.cli import main; main(sys.argv[1:])"]
    with subprocess.Popen([*start, *command(folder, "run")], start_new_session=True) as process:
        deadline = time.monotonic() + 120
        while stored(folder) < 5 and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    kept = stored(folder)
    assert 5 <= kept < 160
    found = Run(read(path), folder, folder / "s.db", workers=1)
    found._children = Scripted(lambda order, attempt: 99)
    outcome = found.go()
    # Between looking and killing a row more may have been stored.
    assert outcome.before == stored(folder) - outcome.stored >= kept
    assert stored(folder) == 160


def test_running_needs_a_worker(folder: Path) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Run(read(campaign(folder, "virtual_m0")), folder, folder / "s.db", workers=0)
