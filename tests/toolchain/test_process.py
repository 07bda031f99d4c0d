"""Programs that fail, hang, or are not there."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hwkit.errors import ConfigError, ToolFailed, ToolMissing
from hwkit.toolchain import process
from tests.processes import has_ended


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_is_returned_and_logged(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "a.log"
    assert process.run(python("print('one')"), log) == "one\n"
    assert process.run(python("import os; print(os.environ['KEY'])"), log, env={"KEY": "two"}) == (
        "two\n"
    )
    assert log.read_text().count("$ ") == 2
    assert "one\n" in log.read_text()


def test_failure_names_command_code_and_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with pytest.raises(ToolFailed) as caught:
        process.run(python("import sys; print('why'); sys.exit(7)"), log)
    assert caught.value.tool_exit_code == 7
    assert caught.value.log == str(log)
    assert "why" in log.read_text()
    assert "\n" not in str(caught.value)


def test_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolMissing, match="apt install it"):
        process.run(["no-such-program"], tmp_path / "a.log", how_to_get_it="apt install it")


def test_unwritable_log_is_one_line() -> None:
    with pytest.raises(ConfigError):
        process.run(python("pass"), Path("/proc/none/a.log"))


def test_a_hanging_program_is_stopped_with_its_children(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        "import subprocess, sys, time, pathlib\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    start_s = time.monotonic()
    with pytest.raises(ToolFailed) as caught:
        process.run(python(code), tmp_path / "a.log", timeout_s=3)
    assert caught.value.tool_exit_code == process.TIMED_OUT
    assert time.monotonic() - start_s < 20
    assert has_ended(int(pid_file.read_text()))


def test_a_signal_while_a_program_starts_leaves_none_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def signalled(self: subprocess.Popen[bytes], *given: Any, **options: Any) -> None:
        starts(self, *given, **options)
        started.append(self.pid)
        raise KeyboardInterrupt

    starts = subprocess.Popen.__init__
    monkeypatch.setattr(subprocess.Popen, "__init__", signalled)
    with pytest.raises(KeyboardInterrupt):
        process.run(python("import time; time.sleep(60)"), tmp_path / "log")
    assert has_ended(*started)
