"""A campaign that meets trouble: ``python -m benchmarks.campaign [NETWORKS [REPEATS [KILLS]]]``.

Small networks on four virtual boards and four runtimes of this machine, each cell so often. One
board dies: from its twentieth row on every process that emulates it is killed. One network is
larger than one board's memory. The campaign itself is killed (SIGKILL) KILLS times and started
again; when it has ended, the board is repaired, and it is started once more. Then the store must
hold each row once.

A second store is filled by the same campaign, in which one network on one board is a version of
itself with 3 % more multiplications. ``hwkit compare`` must name this cell and no other.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.csvfile import write
from hwkit import resources
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Dense, Rescale, Rounding
from hwkit.ir.types import S8
from hwkit.profile import store

HOSTS = ("host_litert", "host_litert_builtin", "host_tflm", "host_onnxruntime")
VIRTUAL = ("virtual_m0", "virtual_m4")
MORTAL, SMALL = "mortal.toml", "small.toml"
DIES_AFTER = 20
LARGE_BYTES, SMALL_BYTES = 6000, 4096
HIDDEN, SLOWER_HIDDEN = 100, 103
PLANTED_ON = "virtual_m4"

FILE = """\
[matrix]
models = ["*.hwk"]
boards = {boards}
repeats = {repeats}
inferences = 3
verify = 2
{more}
[retry]
attempts = 2
backoff_s = 0.1
quarantine_after = 3
"""


def network(name: str, elements: int, hidden: int) -> Graph:
    """s8 (elements,): dense to ``hidden`` and to 10."""
    rng = np.random.default_rng([elements, hidden])
    b = GraphBuilder(name)
    b.input("x", (elements,), S8)
    last = "x"
    for layer, (size, width) in enumerate(((elements, hidden), (hidden, 10))):
        weight = b.constant(f"w{layer}", rng.integers(-128, 128, (width, size)), S8)
        rescale = Rescale((1 << 30,), (40,), Rounding.HALF_UP, -128, 127)
        last = b.add(Dense(f"fc{layer}", last, weight, None, f"y{layer}", rescale=rescale), S8)
    return b.build([last])


def prepare(folder: Path, networks: int, repeats: int, planted: bool) -> Path:
    """The campaign's folder: networks, the two boards of its own, and its file, which is
    returned."""
    folder.mkdir()
    for k in range(networks):
        elements = LARGE_BYTES if k == networks - 1 else 64 + 16 * k
        network(f"n{k:02}", elements, HIDDEN).save(str(folder / f"n{k:02}.hwk"))
    text = (resources.folder("boards") / "virtual_m33.toml").read_text()
    (folder / MORTAL).write_text(text.replace('"virtual_m33"', '"mortal"'))
    text = (resources.folder("boards") / "virtual_m7.toml").read_text()
    small = text.replace('"virtual_m7"', '"small"').replace(
        "[mcu]\n", f"[mcu]\nsram_bytes = {SMALL_BYTES}\n", 1
    )
    (folder / SMALL).write_text(small)
    more = ""
    if planted:
        (folder / "more").mkdir()
        network("n03", 64 + 16 * 3, SLOWER_HIDDEN).save(str(folder / "more" / "n03.hwk"))
        cell = 'model = "{}"\nboard = "{}"\n'
        more = f"[[exclude]]\n{cell.format('n03.hwk', PLANTED_ON)}"
        more += f"[[include]]\n{cell.format('more/n03.hwk', PLANTED_ON)}"
    boards = json.dumps([*VIRTUAL, MORTAL, SMALL, *HOSTS])
    path = folder / "campaign.toml"
    path.write_text(FILE.format(boards=boards, repeats=repeats, more=more))
    return path


class Death(threading.Thread):
    """Kills every process that emulates the board in ``board``, once it has given its rows."""

    def __init__(self, board: Path, place: Path) -> None:
        super().__init__(daemon=True)
        self._board, self._place = str(board.resolve()), place
        self.repaired = threading.Event()
        self.kills = 0

    def run(self) -> None:
        while stored(self._place, "mortal") < DIES_AFTER:
            if self.repaired.wait(0.5):
                return
        while not self.repaired.wait(0.1):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    words = (process / "cmdline").read_bytes().decode().split("\0")
                    if "hwkit.device.virtual" in words and self._board in words:
                        os.kill(int(process.name), signal.SIGKILL)
                        self.kills += 1


def stored(place: Path, board: str = "%") -> int:
    """How many rows there are, of ``board`` or of all."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as db:
        query = "SELECT count(*) FROM measurement WHERE board LIKE ?"
        return int(db.execute(query, (board,)).fetchone()[0])
    return 0


def start(file: Path, place: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hwkit", "campaign", "run", str(file), "--workers", "2"]
    command += ["--store", str(place), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate()
    found: dict[str, Any] = json.loads(out)
    return {**found, "code": process.returncode}


def killed(file: Path, place: Path, rows: int) -> int:
    """Starts the campaign and kills it when the store has ``rows`` rows; how many it has then."""
    process = start(file, place)
    while stored(place) < rows and process.poll() is None:
        time.sleep(0.2)
    process.kill()
    process.communicate()
    return stored(place)


def troubled(folder: Path, networks: int, repeats: int, kills: int) -> dict[str, Any]:
    """The campaign with all its troubles, in ``folder / "a.sqlite"``."""
    file, place = folder / "a" / "campaign.toml", folder / "a.sqlite"
    prepare(folder / "a", networks, repeats, planted=False)
    cells = networks * (len(VIRTUAL) + len(HOSTS) + 2) - 1
    death = Death(folder / "a" / MORTAL, place)
    death.start()
    kept = [killed(file, place, cells * repeats * (k + 1) // (kills + 2)) for k in range(kills)]
    print(f"killed at {kept} rows", flush=True)
    first = ended(start(file, place))
    print({key: first[key] for key in ("rows", "before", "stored", "quarantined")}, flush=True)
    death.repaired.set()
    death.join()
    last = ended(start(file, place))
    rows = Counter((r.measurement.model, r.measurement.board) for r in store.read(place))
    return {
        "networks": networks,
        "boards": len(VIRTUAL) + len(HOSTS) + 2,
        "repeats": repeats,
        "kills": kills,
        "rows lost by kills": sum(a > b for a, b in pairwise(kept)),
        "refused cells": len(last["refused"]),
        "boards left alone": len(first["quarantined"]),
        "cells failed then": len(first["failed"]),
        "rows wanted": cells * repeats,
        "rows": sum(rows.values()),
        "cells with other rows than wanted": sum(n != repeats for n in rows.values())
        + abs(len(rows) - cells),
        "inexact": last["inexact"],
        "exit code": last["code"],
    }


def compared(folder: Path, networks: int, repeats: int) -> dict[str, Any]:
    """A second store with a planted regression, and what ``hwkit compare`` says of the two."""
    file = prepare(folder / "b", networks, repeats, planted=True)
    ended(start(file, folder / "b.sqlite"))
    command = [sys.executable, "-m", "hwkit", "compare", str(folder / "a.sqlite")]
    command += [str(folder / "b.sqlite"), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    rows = json.loads(done.stdout)["rows"]
    slower = {(r["model"], r["board"]): r["ratio"] for r in rows if r["slower"]}
    for row in rows:
        if row["slower"] or row["faster"]:
            print({key: row[key] for key in ("model", "board", "figure", "ratio", "low", "high")})
    planted = slower.pop(("n03", PLANTED_ON), None)
    return {
        "planted regression": planted and round(planted, 4),
        "other regressions": len(slower),
        "compare's exit code": done.returncode,
    }


def main(networks: int, repeats: int, kills: int) -> None:
    begin = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        row = troubled(Path(name), networks, repeats, kills)
        seconds = round(time.monotonic() - begin)
        print(row, f"{seconds} s", flush=True)
        row |= compared(Path(name), networks, repeats)
    row["seconds"] = seconds
    row["evidence"] = "measured"
    print(row)
    write("campaign", [row])


if __name__ == "__main__":
    chosen = [int(text) for text in sys.argv[1:]]
    main(*[*chosen, *(20, 5, 3)[len(chosen) :]])
