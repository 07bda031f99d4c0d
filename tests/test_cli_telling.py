"""How much is told, what a wrong word may have meant, and what a shell completes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hwkit.cli import _run
from hwkit.cli.hardware import _figures
from hwkit.ir.builder import GraphBuilder
from hwkit.ir.ops import Clamp
from hwkit.ir.types import S8
from hwkit.revision import called


@pytest.fixture
def model(tmp_path: Path) -> Path:
    b = GraphBuilder("clamp")
    b.input("x", (3,), S8)
    b.add(Clamp("c", "x", "y", 0, 6), S8)
    path = tmp_path / "m.hwk"
    b.build(["y"]).save(str(path))
    return path


def test_verbose_logs_on_stderr_and_quiet_is_silent(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["deploy", str(model), "--board", "interpreter", "-o", str(tmp_path / "b")]
    assert _run([*command, "--verbose"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    assert err.splitlines()[0].endswith("s  interpreter: building")
    assert err.splitlines()[-1].endswith("s  interpreter: building: ended")
    assert any("/builds/" in line for line in err.splitlines())
    for more in ([], ["--quiet"]):  # of one run nothing is left for the next
        assert _run([*command, *more]) == 0
        assert capsys.readouterr().err == ""


def test_the_version_names_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["--version"]) == 0
    assert capsys.readouterr().out == f"hwkit {called()}\n"


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["delpoy"], "did you mean 'deploy'? known: allocate, "),
        (["cache", "shwo"], "did you mean 'show'? known: clean, show"),
        (["deploy", "--bord"], "Did you mean '--board'?"),
    ],
)
def test_what_a_wrong_word_may_have_meant(
    words: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(words) == 2
    assert meant in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("hwkit toolch", ["toolchain"]),
        ("hwkit deploy m.hwk --board virtual_m5", ["virtual_m55"]),
        ("hwkit toolchain install openo", ["openocd"]),
        ("hwkit bringup rpi_pico_", ["rpi_pico_w"]),
    ],
)
def test_a_shell_completes(words: str, offered: list[str]) -> None:
    env = {"_HWKIT_COMPLETE": "bash_complete", "COMP_WORDS": words}
    done = subprocess.run(
        [sys.executable, "-c", "from hwkit.cli import main; main()"],
        env={**os.environ, **env, "COMP_CWORD": str(len(words.split()) - 1)},
        capture_output=True,
        text=True,
    )
    assert [line.partition(",")[2] for line in done.stdout.split()] == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(["completion", shell]) == 0
    assert f"_HWKIT_COMPLETE={shell}_complete" in capsys.readouterr().out


def test_what_a_deploy_tells_of_an_fpga() -> None:
    facts = {"weight_bytes": 1200, "lut": 6713, "ff": 2446, "bram": 10, "dsp": None}
    clocks = {"fmax_hz": 72_600_000, "clock_hz": 50_000_000, "interval_cycles": 4608}
    assert _figures(facts) == ["weight_bytes 1200", "lut 6,713", "ff 2,446", "bram 10"]
    rate = ["fmax_hz 72.6 MHz", "clock_hz 50.0 MHz", "10,851 inferences/s"]
    assert _figures({**facts, **clocks})[-3:] == rate
