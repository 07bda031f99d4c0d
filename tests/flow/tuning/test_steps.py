"""Steps that are done once, whatever ends the process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit.errors import ConfigError
from hwkit.flow.tuning.steps import opened


def write(text: str):  # type: ignore[no-untyped-def]
    return lambda out: (out / "file").write_text(text)


def test_a_step_is_done_once(tmp_path: Path) -> None:
    said: list[str] = []
    with opened(tmp_path / "run", said.append) as steps:
        first = steps.done("one", {"a": 1}, write("x"))
        again = steps.done("one", {"a": 1}, write("y"))
        other = steps.done("one", {"a": 2}, write("z"))
    assert first == again and (first / "file").read_text() == "x"
    assert (other / "file").read_text() == "z"
    assert said == ["one", "one"] and steps.counted == {"done": 2, "kept": 1}
    with opened(tmp_path / "run", said.append) as steps:
        assert steps.done("one", {"a": 1}, write("y")) == first
    assert steps.counted == {"done": 0, "kept": 1}


@pytest.mark.parametrize("damage", ["changed", "gone", "more", "seal"])
def test_what_was_damaged_is_made_again(damage: str, tmp_path: Path) -> None:
    with opened(tmp_path) as steps:
        folder = steps.done("one", 1, write("x"))
        match damage:
            case "changed":
                (folder / "file").write_text("other")
            case "gone":
                (folder / "file").unlink()
            case "more":
                (folder / "sub").mkdir()
                (folder / "sub" / "more").write_text("")
            case _:
                (folder / "step.json").write_text("{")
        assert steps.done("one", 1, write("x")) == folder
        assert steps.counted == {"done": 2, "kept": 0}
    assert sorted(path.name for path in folder.iterdir()) == ["file", "step.json"]


def test_a_step_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(out: Path) -> None:
        (out / "half").write_text("")
        raise ValueError("broken")

    with opened(tmp_path) as steps, pytest.raises(ValueError, match="broken"):
        steps.done("one", 1, fail)
    assert [path.name for path in (tmp_path / "steps").iterdir()] == [".lock"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        opened(tmp_path),
        pytest.raises(ConfigError, match="another process is at work"),
        opened(tmp_path),
    ):
        pass
    with opened(tmp_path) as steps:
        assert steps.counted == {"done": 0, "kept": 0}


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="choose another folder"), opened(tmp_path / "run"):
        pass


KILLED = """
import os, signal, sys
from pathlib import Path
from hwkit.flow.tuning.steps import opened

def make(out):
    (out / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)

with opened(Path(sys.argv[1])) as steps:
    steps.done("first", 1, lambda out: (out / "file").write_text("x"))
    steps.done("second", 2, make)
"""


def test_what_a_killed_process_left_half_done_goes(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    left = {path.name.partition("-")[0] for path in (tmp_path / "steps").iterdir()}
    assert "first" in left and any(name.startswith(".second") for name in left)
    with opened(tmp_path) as steps:
        assert not any(p.name.startswith(".second") for p in (tmp_path / "steps").iterdir())
        steps.done("first", 1, write("other"))
        steps.done("second", 2, write("y"))
    assert steps.counted == {"done": 1, "kept": 1}
