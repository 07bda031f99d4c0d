"""Programs of the distribution: on the PATH, or unpacked by hwkit into a folder of its own.

A tool is unpacked into ``$XDG_DATA_HOME/hwkit/tools/<name>``; its programs are started by scripts
in ``bin`` there, which name the folders of its libraries and data.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from functools import cache
from pathlib import Path

from hwkit.errors import FormatError, ToolMissing
from hwkit.files import read_json, write_json
from hwkit.toolchain import apt, process
from hwkit.toolchain.cache import cache_folder
from hwkit.toolchain.distribution import (
    DISTRIBUTION_TOOLS,
    DistributionTool,
    elsewhere,
    release,
    remedy,
    tool_of,
)
from hwkit.toolchain.tools_folder import made_beside, tools_folder

_MANIFEST = "manifest.json"
"""Written last, after the tool's check has passed; a folder without it is no tool."""

_CHECKS = Path(__file__).with_name("checks")
_CHECK_TIMEOUT_S = 60.0
_VERSION_TIMEOUT_S = 20.0


def find(name: str) -> str | None:
    """The path of the program ``name``: on the PATH if it is new enough there, else the one that
    hwkit has installed, else None. Example: ``find("openocd") == "/usr/bin/openocd"``."""
    tool = tool_of(name)
    on_path = _on_path(name)
    if tool is None or (on_path and (not tool.least or _is_new(on_path, tool.least))):
        return on_path
    folder = _unpacked(tool)
    return None if folder is None else str(folder / "bin" / name)


def get(name: str) -> str:
    """The path of the program ``name``; ``ToolMissing`` with the command that installs it."""
    found = find(name)
    if found is None:
        tool = tool_of(name)
        if tool is None:
            raise ToolMissing(name, "install it or put it on PATH")
        old = f" {tool.least} or newer" if _on_path(name) else ""
        raise ToolMissing(f"{name}{old}", remedy(tool))
    return found


@cache
def version(path: str) -> str:
    """What the program at ``path`` says of itself, e.g. ``7.2.22``; "" when it says nothing."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_VERSION_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    number = re.search(rb"\d+\.\d+(\.\d+)*", done.stdout)
    return number.group().decode() if number else ""


def install(name: str) -> None:
    """Makes every program of the tool ``name`` be found: nothing to do where they are; otherwise
    the distribution's packages are fetched, unpacked, tried out and put in place by a rename.

    ``ToolMissing`` with this system's own command where there is no apt or the release lacks a
    package; ``ToolFailed`` with the log when a download or the check fails; ``ConfigError`` when
    the folder cannot be written.
    """
    tool = DISTRIBUTION_TOOLS[name]
    if all(map(find, tool.programs)):
        return
    if not apt.is_there():
        raise ToolMissing(name, elsewhere(tool))
    with made_beside(name) as folder:
        _make(tool, folder)


def _make(tool: DistributionTool, folder: Path) -> None:
    log = cache_folder("logs") / f"install-{tool.name}.log"
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{tool.name}.") as scratch:
        source = apt.Apt(Path(scratch), log)
        source.update()
        packages = source.unpack([_known(source, tool, names) for names in tool.packages], folder)
    for path in _binaries(folder):
        if path.name not in tool.programs:
            path.unlink()  # QEMU's package brings a dozen other machines: 150 MB
    _write_starters(tool, folder)
    with tempfile.TemporaryDirectory(prefix="hwkit-check-") as scratch:
        check = [sys.executable, str(_CHECKS / tool.check), str(folder / "bin")]
        process.run(check, log, cwd=Path(scratch), timeout_s=_CHECK_TIMEOUT_S)
    manifest = {
        "digest": _digest(tool),
        "release": release(),
        "packages": [asdict(package) for package in packages],
    }
    write_json(folder / _MANIFEST, manifest)


def _known(source: apt.Apt, tool: DistributionTool, names: tuple[str, ...]) -> str:
    for name in names:
        if source.knows(name):
            return name
    raise ToolMissing(tool.name, f"{release()} has no package {names[-1]}: {elsewhere(tool)}")


def _write_starters(tool: DistributionTool, folder: Path) -> None:
    libraries = sorted({path.parent for path in folder.rglob("lib*.so.*")})
    places = ":".join(f"$folder/{path.relative_to(folder)}" for path in libraries)
    places_of = {path.name: path.relative_to(folder) for path in _binaries(folder)}
    (folder / "bin").mkdir()
    for name in tool.programs:
        arguments = [f'"{part}"' for part in tool.arguments.get(name, ())]
        command = " ".join([f'"$folder/{places_of[name]}"', *arguments, '"$@"'])
        starter = folder / "bin" / name
        starter.write_text(
            "#!/bin/sh\n"
            'folder=$(cd "${0%/*}/.." && pwd) || exit 127\n'
            f'export LD_LIBRARY_PATH="{places}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"\n'
            f"exec {command.replace('{folder}', '$folder')}\n"
        )
        starter.chmod(0o755)


def _binaries(folder: Path) -> list[Path]:
    return [path for place in ("bin", "sbin") for path in (folder / "usr" / place).glob("*")]


def _on_path(name: str) -> str | None:
    """On the PATH, or where servers lie, which an ordinary user's PATH lacks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _unpacked(tool: DistributionTool) -> Path | None:
    """The tool's folder if it is whole, and made for this version of hwkit and of the system."""
    folder = tools_folder() / tool.name
    try:
        manifest = read_json(folder / _MANIFEST)
        whole = manifest["digest"] == _digest(tool) and manifest["release"] == release()
    except (FormatError, KeyError, TypeError):
        return None
    return folder if whole else None


def _is_new(path: str, least: str) -> bool:
    return _number(version(path)) >= _number(least)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split("."))) if version else (0,)


def _digest(tool: DistributionTool) -> str:
    text = json.dumps(asdict(tool), sort_keys=True) + (_CHECKS / tool.check).read_text()
    return hashlib.sha256(text.encode()).hexdigest()
