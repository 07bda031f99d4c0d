"""Tools of the distribution: a program on the PATH that is new enough wins; what hwkit unpacks is
whole or absent."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hwkit.cli import _run
from hwkit.errors import ToolFailed, ToolMissing
from hwkit.flow.doctor import examine
from hwkit.toolchain import apt, programs
from hwkit.toolchain.distribution import DISTRIBUTION_TOOLS, DistributionTool
from hwkit.toolchain.tools_folder import tools_folder

pytestmark = pytest.mark.slow

WORKS = """import subprocess, sys
assert subprocess.check_output([sys.argv[1] + "/frob", "x"]) == b"frob 2.1 data x\\n"
"""

FROB = DistributionTool(
    name="tool",
    title="a tool",
    programs=("frob",),
    packages=(("frob-new", "frob"),),
    check="check.py",
    elsewhere={"darwin": "brew install frob", "fedora": "dnf install frob", "": "build frob"},
    arguments={"frob": ("{folder}/usr/share/frob",)},
    least="2.0",
)

# What apt and dpkg answer about the packages frob and libfrob1; other is there already.
APT_GET = """#!/bin/sh
echo "$@" >> {log}
case "$*" in
*" update") ;;
*" --simulate "*)
  echo "Inst libfrob1 [1.0-1] (1.2-3 Debian:12.15/oldstable [amd64])"
  echo "Inst frob (1:2.1-4 Debian:12.15/oldstable [amd64])"
  echo "Conf frob (1:2.1-4 Debian:12.15/oldstable [amd64])" ;;
*" download "*) echo frob 1:2.1-4 amd64 > frob.deb; echo libfrob1 1.2-3 amd64 > libfrob1.deb ;;
esac
"""
APT_CACHE = '#!/bin/sh\ncase "$*" in *" frob") ;; *) exit 100 ;; esac\n'
DPKG_DEB = """#!/bin/sh
case "$1 $(cat "$3" 2>/dev/null)$(cat "$2" 2>/dev/null)" in
"--show "*) cat "$3" ;;
"--extract frob "*) mkdir -p "$3/usr/bin" "$3/usr/share"
  printf '#!/bin/sh\\necho frob 2.1 "$(cat "$1")" $2\\n' > "$3/usr/bin/frob"
  cp "$3/usr/bin/frob" "$3/usr/bin/other"
  chmod +x "$3/usr/bin/frob"; echo data > "$3/usr/share/frob" ;;
"--extract libfrob1 "*) mkdir -p "$3/usr/lib/x"; touch "$3/usr/lib/x/libfrob.so.1" ;;
*) exit 2 ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system whose apt knows the tool's package; its programs lie in ``bin``."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "check.py").write_text(WORKS)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    script(binaries / "apt-get", APT_GET.format(log=tmp_path / "calls"))
    script(binaries / "apt-cache", APT_CACHE)
    script(binaries / "dpkg-deb", DPKG_DEB)
    monkeypatch.setattr(programs, "_CHECKS", tmp_path / "checks")
    monkeypatch.setitem(DISTRIBUTION_TOOLS, "tool", FROB)
    monkeypatch.setenv("PATH", f"{binaries}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_absent_names_the_command(folder: Path) -> None:
    with pytest.raises(ToolMissing, match="frob is not installed; hwkit toolchain install tool"):
        programs.get("frob")


def test_unpacked_tried_out_and_recorded(folder: Path) -> None:
    programs.install("tool")
    path = programs.get("frob")
    assert path == str(folder / "data/hwkit/tools/tool/bin/frob")
    assert subprocess.check_output([path, "a b"]) == b"frob 2.1 data a b\n"
    manifest = json.loads((tools_folder() / "tool" / "manifest.json").read_text())
    assert [(p["name"], p["version"]) for p in manifest["packages"]] == [
        ("frob", "1:2.1-4"),
        ("libfrob1", "1.2-3"),
    ]
    assert all(len(p["sha256"]) == 64 for p in manifest["packages"])
    assert not (tools_folder() / "tool" / "usr" / "bin" / "other").exists()
    assert [entry.name for entry in tools_folder().iterdir()] == ["tool"]
    calls = (folder / "calls").read_text().splitlines()
    assert "download libfrob1=1.2-3 frob=1:2.1-4" in calls[-1]
    assert all(f"Dir::State::Lists={folder}" in call for call in calls)
    programs.install("tool")
    assert (folder / "calls").read_text().splitlines() == calls


def test_its_libraries_are_found(folder: Path) -> None:
    programs.install("tool")
    text = Path(programs.get("frob")).read_text()
    assert 'LD_LIBRARY_PATH="$folder/usr/lib/x${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"' in text


@pytest.mark.parametrize(("said", "wins"), [("frob 2.0", True), ("10.1", True), ("1.9", False)])
def test_on_the_path(folder: Path, said: str, wins: bool) -> None:
    there = script(folder / "bin" / "frob", f"#!/bin/sh\necho version {said}\n")
    if wins:
        programs.install("tool")
        assert programs.get("frob") == str(there)
        assert not tools_folder().exists()
        return
    with pytest.raises(ToolMissing, match=r"frob 2\.0 or newer is not installed; hwkit toolchain"):
        programs.get("frob")
    programs.install("tool")
    assert programs.get("frob") == str(tools_folder() / "tool" / "bin" / "frob")


def test_what_fails_its_check_is_not_installed(folder: Path) -> None:
    (folder / "checks" / "check.py").write_text("raise SystemExit('does not work')\n")
    with pytest.raises(ToolFailed, match=r"install-tool\.log"):
        programs.install("tool")
    assert programs.find("frob") is None
    assert list(tools_folder().iterdir()) == []


@pytest.mark.parametrize("step", ["update", "--simulate", "download"])
def test_apt_that_fails_names_its_log(folder: Path, step: str) -> None:
    text = APT_GET.format(log=folder / "calls")
    script(folder / "bin" / "apt-get", text + f'case "$*" in *"{step}"*) exit 100 ;; esac\n')
    with pytest.raises(ToolFailed, match=r"exit code 100; its output is in .*install-tool\.log"):
        programs.install("tool")
    assert list(tools_folder().iterdir()) == []


@pytest.mark.parametrize("change", ["release", "row", "manifest"])
def test_made_for_something_else_is_not_there(
    folder: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.install("tool")
    if change == "release":
        monkeypatch.setattr(programs, "release", lambda: "debian 99")
    elif change == "row":
        (folder / "checks" / "check.py").write_text(WORKS + "\n")
    else:
        (tools_folder() / "tool" / "manifest.json").write_text("[]")
    assert programs.find("frob") is None
    programs.install("tool")
    assert programs.find("frob") is not None


def test_a_killed_install_leaves_no_tool(folder: Path) -> None:
    """SIGKILL while the check runs: nothing can clean up, and still nobody takes it for whole."""
    started = folder / "started"
    (folder / "checks" / "check.py").write_text(
        "import os, time\nfrom pathlib import Path\n"
        f"Path({str(started)!r}).write_text(f'{{os.getpid()}}\\n')\ntime.sleep(60)\n"
    )
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from hwkit.toolchain import distribution, programs\n"
        "from tests.toolchain.test_distribution import FROB\n"
        "programs._CHECKS = Path(sys.argv[1])\n"
        "distribution.DISTRIBUTION_TOOLS['tool'] = FROB\n"
        "programs.install('tool')\n"
    )
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(folder / "checks")], cwd=root, env={**os.environ}
    )
    deadline = time.monotonic() + 60
    while not (started.exists() and started.read_text().endswith("\n")):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    child.kill()
    child.wait()
    os.kill(int(started.read_text()), signal.SIGKILL)
    assert all(path.name.startswith(".tool.") for path in tools_folder().iterdir())
    assert programs.find("frob") is None
    (folder / "checks" / "check.py").write_text(WORKS)
    programs.install("tool")
    assert programs.find("frob") is not None


def test_a_release_without_the_package_names_another_way(folder: Path) -> None:
    script(folder / "bin" / "apt-cache", "#!/bin/sh\nexit 100\n")
    with pytest.raises(ToolMissing, match="has no package frob: build frob"):
        programs.install("tool")


@pytest.mark.parametrize(
    ("system", "release", "command"),
    [
        ("Darwin", {}, "brew install frob"),
        ("Linux", {"ID": "fedora"}, "dnf install frob"),
        ("Linux", {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}, "dnf install frob"),
        ("Linux", {"ID": "void"}, "build frob"),
    ],
)
def test_other_systems_have_their_own_remedy(
    system: str,
    release: dict[str, str],
    command: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apt, "is_there", lambda: False)
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    with pytest.raises(ToolMissing, match=f"^tool is not installed; {command}$"):
        programs.install("tool")
    with pytest.raises(ToolMissing, match=f"^frob is not installed; {command}$"):
        programs.get("frob")


def test_doctor_and_list_name_the_command(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _run(["toolchain", "install", "tool", "--json"]) == 0
    state = json.loads(capsys.readouterr().out)
    assert (state["version"], state["remedy"]) == ("2.1", None)
    assert _run(["toolchain", "install", "tool", "qemo"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and "no tool 'qemo' to install; did you mean 'qemu'? known: " in err
    assert _run(["toolchain", "install", "tool", "tool"]) == 0
    assert capsys.readouterr().out.count("tool 2.1 in ") == 2
    assert _run(["toolchain", "install", "frob"]) == 2
    assert "no tool 'frob' to install; known: finn, " in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(folder / "bin"))
    tools = {tool["name"]: tool for tool in examine()["tools"]}
    assert tools["qemu-system-riscv32"]["remedy"] == "hwkit toolchain install qemu"
    assert _run(["toolchain", "list"]) == 0
    assert "missing: hwkit toolchain install qemu" in capsys.readouterr().out


def test_icestorm_is_installed_and_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not apt.is_there():
        pytest.skip("apt is not installed")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "which", hiding("icepack", "iceprog"))
    programs.install("fpga-icestorm")
    assert programs.get("icepack") == str(tools_folder() / "fpga-icestorm" / "bin" / "icepack")
    manifest = json.loads((tools_folder() / "fpga-icestorm" / "manifest.json").read_text())
    assert "fpga-icestorm" in [package["name"] for package in manifest["packages"]]


def hiding(*names: str) -> Callable[..., str | None]:
    """``shutil.which`` on a system without these programs."""
    which = shutil.which
    return lambda name, **rest: None if name in names else which(name, **rest)
