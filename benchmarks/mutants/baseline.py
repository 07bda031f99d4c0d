"""What tests cost and call where nothing is wrong: they must pass there before they judge."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutants import trial
from benchmarks.mutants.calls import Recorder

TIMES, LEAST_S = 10, 20.0
"""A fault may take so many times what its tests take without it, or so many seconds."""
_LONGEST_S = 1800.0


class Baseline:
    """Runs tests of the ``tree`` once; what they say stays in ``folder``, until a file of the tree
    changes. ``cpu_s`` is what that took so far."""

    def __init__(self, tree: Path, folder: Path, log: Path) -> None:
        self.tree, self.folder, self.log = tree, folder, log
        self.state = _digest(tree)
        self.cpu_s = 0.0
        folder.mkdir(parents=True, exist_ok=True)

    def rows(
        self, tests: Sequence[str], group: str = "", calls: bool = False
    ) -> list[dict[str, Any]]:
        """Lines of a ``Recorder`` for a selection, with the list of kernels cut to ``group``; with
        ``calls``, what each test calls."""
        kind = (self.state, group, str(calls), *tests)
        key = hashlib.sha256("\0".join(kind).encode()).hexdigest()[:20]
        path = self.folder / f"{key}.jsonl"
        if not path.exists():
            made = path.with_suffix(".part")
            recorder = Recorder(self.tree, made, calls)
            ended = trial.run(self.tree, tests, self.log, _LONGEST_S, [recorder])
            self.cpu_s += ended.cpu_s
            if not ended.passed:
                sys.exit(f"without a fault, {' '.join(tests)} do not pass: see {self.log}")
            made.rename(path)
        return [json.loads(line) for line in path.read_text().splitlines()]


def limit_s(rows: Sequence[dict[str, Any]]) -> float:
    """Seconds of processor time for tests that take what ``rows`` say."""
    return max(LEAST_S, TIMES * sum(float(row["cpu_s"]) for row in rows))


def _digest(tree: Path) -> str:
    state = hashlib.sha256()
    for path in sorted(tree.rglob("*")):
        if path.is_file() and path.suffix != ".pyc":
            content = path.read_bytes()
            state.update(f"{path.relative_to(tree)}\0{len(content)}\0".encode())
            state.update(content)
    return state.hexdigest()
