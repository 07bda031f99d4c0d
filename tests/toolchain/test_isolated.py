"""Tools in environments of their own: whole or absent, found only when they serve."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from hwkit.cli import main
from hwkit.errors import ConfigError, ToolFailed, ToolMissing
from hwkit.toolchain import environments, isolated
from hwkit.toolchain.distribution import DISTRIBUTION_TOOLS
from hwkit.toolchain.environments import Environment, Package
from hwkit.toolchain.tools_folder import tools_folder

NUMPY = metadata.version("numpy")


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A tool whose only package is shared, so that nothing is downloaded."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "check.py").write_text("import numpy\nprint(numpy.__version__)\n")
    wanted = Environment("tool", "a tool", (Package("numpy", NUMPY, NUMPY),), "check.py")
    monkeypatch.setattr(isolated, "_CHECKS", tmp_path / "checks")
    monkeypatch.setattr(environments, "ENVIRONMENTS", {"tool": wanted})
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return wanted


def test_absent_names_its_remedy(tool: Environment) -> None:
    with pytest.raises(ToolMissing, match="tool is not installed; hwkit toolchain install tool"):
        isolated.get("tool")


def test_an_unknown_tool_lists_the_known_ones(tool: Environment) -> None:
    with pytest.raises(ConfigError, match="no tool 'finnn' to install; known: tool"):
        isolated.install("finnn")


def test_installed_once_and_run(tool: Environment, tmp_path: Path) -> None:
    first = isolated.install("tool")
    touched = (first.folder / "environment.json").stat().st_mtime_ns
    second = isolated.install("tool")
    assert (second.folder / "environment.json").stat().st_mtime_ns == touched
    assert second.versions == {"numpy": NUMPY}
    printed = second.run(["-c", "import sys; print(sys.prefix)"], tmp_path / "log")
    assert printed.strip() == str(first.folder)


def test_what_fails_its_check_is_not_installed(tool: Environment, tmp_path: Path) -> None:
    (tmp_path / "checks" / "check.py").write_text("raise SystemExit('does not work')\n")
    with pytest.raises(ToolFailed, match=r"install-tool\.log"):
        isolated.install("tool")
    assert isolated.find("tool") is None
    assert list(tools_folder().iterdir()) == []


def test_a_half_made_folder_is_not_taken_for_a_tool(tool: Environment) -> None:
    folder = isolated.install("tool").folder
    (folder / "environment.json").unlink()
    assert isolated.find("tool") is None
    assert isolated.install("tool").folder == folder


def test_a_killed_install_leaves_no_tool(tool: Environment, tmp_path: Path) -> None:
    """SIGKILL while the check runs: nothing can clean up, and still nobody takes it for whole."""
    started = tmp_path / "started"
    check = tmp_path / "checks" / "check.py"
    works = check.read_text()
    check.write_text(
        "import os, time\nfrom pathlib import Path\n"
        f"Path({str(started)!r}).write_text(f'{{os.getpid()}}\\n')\ntime.sleep(60)\n"
    )
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from hwkit.toolchain import environments, isolated\n"
        "from hwkit.toolchain.environments import Environment, Package\n"
        "isolated._CHECKS = Path(sys.argv[1])\n"
        "package = Package('numpy', sys.argv[2], sys.argv[2])\n"
        "environments.ENVIRONMENTS = {'tool': Environment('tool', 'a', (package,), 'check.py')}\n"
        "isolated.install('tool')\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(check.parent), NUMPY])
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text().endswith("\n")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    os.kill(int(started.read_text()), signal.SIGKILL)
    assert [path.name[:6] for path in tools_folder().iterdir()] == [".tool."]
    assert isolated.find("tool") is None
    check.write_text(works)
    assert isolated.install("tool").folder == tools_folder() / "tool"


def test_a_shared_package_that_changed_is_noticed(tool: Environment) -> None:
    folder = isolated.install("tool").folder
    seal = json.loads((folder / "environment.json").read_text())
    (place,) = seal["shared"]
    seal["shared"][place]["numpy"] = "1.0"
    (folder / "environment.json").write_text(json.dumps(seal))
    assert isolated.find("tool") is None


def test_another_pin_is_another_tool(tool: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    isolated.install("tool")
    other = Environment("tool", "a tool", (Package("numpy", NUMPY, "2"),), "check.py")
    monkeypatch.setattr(environments, "ENVIRONMENTS", {"tool": other})
    assert isolated.find("tool") is None


@pytest.mark.slow  # downloads 20 MB
def test_tflite_runtime_is_installed_and_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    found = isolated.install("tflite-runtime")
    printed = found.run(["-c", "import numpy; print(numpy.__version__)"], tmp_path / "log")
    assert printed.strip() == found.versions["numpy"] == "1.26.4"


def test_listed(tool: Environment, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["toolchain", "list", "--json"])
    assert left.value.code == 0
    names = [entry["name"] for entry in json.loads(capsys.readouterr().out)["tools"]]
    assert names == ["tool", *DISTRIBUTION_TOOLS]
