"""Plugins for pytest: which functions each test calls and what it costs; some tests in an order."""

from __future__ import annotations

import ast
import json
import os
import resource
import sys
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest


class Recorder:
    """Writes a line of JSON for each test to ``path``: ``test``, ``file``, ``cpu_s`` (with its
    processes) and ``calls``, where the functions of ``root`` that it called begin, by file; nothing
    there without ``calls``, which makes tests take several times as long. The first line, whose
    test is "", is what happened before any test."""

    def __init__(self, root: Path, path: Path, calls: bool = True) -> None:
        self.root = f"{root}{os.sep}"
        self.path = path
        self.traced = self._trace if calls else None
        self.called: dict[int, CodeType] = {}
        self.start = 0.0

    def pytest_configure(self) -> None:
        self.start = _cpu_s()
        self.path.write_text("")
        sys.settrace(self.traced)
        if self.traced is not None:
            threading.settrace(self.traced)

    def _trace(self, frame: FrameType, event: str, arg: Any) -> None:
        self.called[id(frame.f_code)] = frame.f_code

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._write("", "")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, bool, bool]:
        sys.settrace(self.traced)  # a test may have traced, too
        answer = yield
        self._write(item.nodeid, item.path.relative_to(self.root).as_posix())
        return answer

    def _write(self, test: str, file: str) -> None:
        called, self.called = self.called, {}  # this function is traced as well
        calls: dict[str, list[int]] = {}
        for code in called.values():
            name = code.co_filename.removeprefix(self.root)
            if name != code.co_filename and not name.startswith("tests"):
                calls.setdefault(name, []).append(code.co_firstlineno)
        now = _cpu_s()
        row = {"test": test, "file": file, "cpu_s": round(now - self.start, 3), "calls": calls}
        with self.path.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
        self.start = now


class Chosen:
    """Runs the ``tests`` (names) alone, in their order."""

    def __init__(self, tests: Sequence[str]) -> None:
        self.places = {name: k for k, name in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        kept = [item for item in items if item.nodeid in self.places]
        items[:] = sorted(kept, key=lambda item: self.places[item.nodeid])


def _cpu_s() -> float:
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def function(text: str, line: int) -> range | None:
    """The lines of the innermost function around ``line``, from its first decorator on; None for
    what runs when the module is imported.

    Example: ``function("def f():\\n    return 1\\n", 2)`` is ``range(1, 3)``.
    """
    found: range | None = None
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno is not None
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            lines = range(first, node.end_lineno + 1)
            if line in lines and (found is None or len(lines) < len(found)):
                found = lines
    return found


def ordered(rows: Sequence[dict[str, Any]], path: str, lines: range | None) -> list[list[str]]:
    """Tests in stages, those first that say most for their price: ``rows`` are a recorder's, the
    fault is in ``lines`` of ``path``. Tests that do not call the function come last, and only of
    files in which another one does: they may share what it made."""
    before, tests = rows[0], rows[1:]

    def calls(row: dict[str, Any]) -> bool:
        return lines is None or any(first in lines for first in row["calls"].get(path, ()))

    calling = tests if calls(before) else [row for row in tests if calls(row)]
    calling = sorted(calling or tests, key=lambda row: row["cpu_s"])
    cheap, spent = 0, 0.0
    while cheap < len(calling) and spent < CHEAP_S:
        spent += calling[cheap]["cpu_s"]
        cheap += 1
    files = {row["file"] for row in calling}
    named = {row["test"] for row in calling}
    others = [row for row in tests if row["file"] in files and row["test"] not in named]
    stages = [_by_file(stage) for stage in (calling[:cheap], calling[cheap:], others)]
    return [[row["test"] for row in stage] for stage in stages if stage]


CHEAP_S = 3.0
"""Seconds of processor time of the first tests."""


def _by_file(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files stay together, as their fixtures do; the cheapest file comes first."""
    seconds: dict[str, float] = {}
    for row in rows:
        seconds[row["file"]] = seconds.get(row["file"], 0.0) + row["cpu_s"]
    return sorted(rows, key=lambda row: (seconds[row["file"]], row["file"]))
