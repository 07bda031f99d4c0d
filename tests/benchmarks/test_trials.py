"""How a trial ends, which tests come first, and what is recorded of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.mutants import calls, trial
from benchmarks.mutants.baseline import limit_s
from benchmarks.mutants.campaign import _FAILED

TESTS = """
import os, signal, subprocess, sys
import pytest

def test_good():
    assert True

def test_bad():
    assert False

def test_endless():
    while True:
        pass

def test_endless_child():
    assert subprocess.run([sys.executable, "-c", "while True: pass"]).returncode == 0

def test_crash():
    os.kill(os.getpid(), signal.SIGSEGV)

def test_ended_from_outside():
    os.kill(os.getpid(), signal.SIGKILL)

def test_skipped():
    pytest.skip("a tool is missing")
"""


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        ("good", True),
        ("bad", False),
        ("endless", False),
        ("endless_child", False),
        ("crash", False),
        ("ended_from_outside", None),
        ("skipped", None),
        ("that_is_not_there", None),
    ],
)
def test_verdicts(name: str, passed: bool | None, tmp_path: Path) -> None:
    (tmp_path / "test_of.py").write_text(TESTS)
    trial.profile()
    ended = trial.run(tmp_path, [f"test_of.py::test_{name}"], tmp_path / "log", 2)
    assert ended.passed is passed
    assert ended.cpu_s >= (1.5 if "endless" in name else 0)


def test_what_each_test_calls_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "made.py").write_text(
        "def one():\n    return 1\n\n\ndef two():\n    return one()\n\n\nTHREE = two()\n"
    )
    (tmp_path / "test_of.py").write_text(
        "import made\n\ndef test_a():\n    assert made.one() == 1\n"
        "\ndef test_b():\n    assert made.THREE == 1\n"
    )
    trial.profile()
    root, rows = tmp_path.resolve(), tmp_path / "rows"
    recorder = calls.Recorder(root, rows)
    assert trial.run(root, ["test_of.py"], tmp_path / "log", plugins=[recorder]).passed
    before, a, b = (json.loads(line) for line in rows.read_text().splitlines())
    assert before["test"] == "" and {1, 5} <= set(before["calls"]["made.py"])
    assert (a["test"], a["file"], a["calls"]["made.py"]) == (
        "test_of.py::test_a",
        "test_of.py",
        [1],
    )
    assert b["test"] == "test_of.py::test_b" and "made.py" not in b["calls"]
    chosen = calls.Chosen([b["test"]])
    again = calls.Recorder(root, rows)
    assert trial.run(root, ["test_of.py"], tmp_path / "log", plugins=[again, chosen]).passed
    assert [json.loads(line)["test"] for line in rows.read_text().splitlines()] == ["", b["test"]]


def row(test: str, cpu_s: float, *called: int) -> dict[str, object]:
    path = test.partition("::")[0]
    return {"test": test, "file": path, "cpu_s": cpu_s, "calls": {"m.py": list(called)}}


BEFORE = {"test": "", "file": "", "cpu_s": 1.0, "calls": {"m.py": [40]}}
ROWS = [
    BEFORE,
    row("a::slow", 9.0, 10),
    row("a::other", 0.1, 20),
    row("b::fast", 0.5, 10, 20),
    row("c::middle", 2.8, 12),
    row("d::elsewhere", 0.2, 30),
]


def test_the_cheapest_tests_that_call_a_function_come_first() -> None:
    assert calls.ordered(ROWS, "m.py", range(10, 15)) == [
        ["b::fast", "c::middle"],
        ["a::slow"],
        ["a::other"],
    ]
    assert calls.ordered(ROWS, "m.py", range(30, 31)) == [["d::elsewhere"]]


@pytest.mark.parametrize("lines", [None, range(50, 60), range(40, 41)])
def test_every_test_runs_where_none_can_be_told_apart(lines: range | None) -> None:
    """The module's own lines, a function that no test calls, and one that the import calls."""
    assert calls.ordered(ROWS, "m.py", lines) == [
        ["a::other", "d::elsewhere", "b::fast", "c::middle"],
        ["a::slow"],
    ]


def test_the_function_around_a_line() -> None:
    text = (
        "X = 1\n@cache\n@other\ndef f(a=2):\n    def g():\n        return a\n    return g\n"
        "class C:\n    y: int = 0\n    def h(self):\n        return 3\n"
    )
    found = [calls.function(text, line) for line in range(1, 12)]
    f, g, h = range(2, 8), range(5, 7), range(10, 12)
    assert found == [None, f, f, f, g, g, f, None, None, h, h]


def test_limits_and_names() -> None:
    assert limit_s([row("a", 0.1), row("b", 0.2)]) == 20.0
    assert limit_s([row("a", 3.0), row("b", 2.0)]) == 50.0
    for line, name in (
        ("FAILED tests/a.py::test[one, two-x y] - assert 1 == 2", "tests/a.py::test[one, two-x y]"),
        ("FAILED tests/a.py::test_b", "tests/a.py::test_b"),
        ("ERROR tests/a.py - ValueError: wrong", "tests/a.py"),
    ):
        found = _FAILED.search(f"short test summary\n{line}\nend")
        assert found is not None and found[1] == name
