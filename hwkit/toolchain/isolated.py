"""Tools in Python environments of their own: installed, found and run.

A tool lives in ``$XDG_DATA_HOME/hwkit/tools/<name>``. Packages that are installed beside hwkit in
a version that serves are not downloaded again: the environment sees them behind its own.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from hwkit.errors import FormatError, ToolMissing
from hwkit.files import read_json, write_json
from hwkit.toolchain import process
from hwkit.toolchain.cache import cache_folder
from hwkit.toolchain.environments import Environment, environment
from hwkit.toolchain.tools_folder import made_beside, tools_folder

_SEAL = "environment.json"
"""Written last, after the tool's check has passed; an environment without it is none."""

_CHECKS = Path(__file__).with_name("checks")
_INSTALL_TIMEOUT_S = 3600.0
_CHECK_TIMEOUT_S = 600.0
_SHARED_FILE = "hwkit-shared.pth"


@dataclass(frozen=True, slots=True)
class Installed:
    """A tool that is there: its folder, and the versions of its packages, own and shared."""

    environment: Environment
    folder: Path
    versions: Mapping[str, str]

    @property
    def python(self) -> Path:
        """The environment's own Python."""
        return _python(self.folder)

    def run(
        self,
        arguments: Sequence[str],
        log: Path,
        *,
        cwd: Path | None = None,
        variables: Mapping[str, str] | None = None,
        timeout_s: float = 600.0,
    ) -> str:
        """Runs the environment's Python with ``arguments``; returns what it printed.

        ``ToolFailed`` names the log. Example: ``run(["build.py"], Path("build.log"))``.
        """
        return process.run(
            [str(self.python), *arguments],
            log,
            cwd=cwd,
            env={**_clean(), **self.environment.variables, **(variables or {})},
            timeout_s=timeout_s,
        )


def find(name: str) -> Installed | None:
    """The tool ``name`` if it is installed whole, for this version of hwkit, and every package
    that it shares is still there; else None. ``ConfigError`` for a name that no tool has."""
    wanted = environment(name)
    folder = tools_folder() / name
    try:
        seal = read_json(folder / _SEAL)
        shared: dict[str, dict[str, str]] = seal["shared"]
        whole = seal["digest"] == _digest(wanted) and _python(folder).exists()
        if not whole or any(
            _version_in(place, package) != version
            for place, packages in shared.items()
            for package, version in packages.items()
        ):
            return None
        versions = dict(seal["own"])
        for packages in shared.values():
            versions.update(packages)
    except (FormatError, KeyError, TypeError, AttributeError):
        return None
    return Installed(wanted, folder, versions)


def remedy(name: str) -> str:
    """The command that installs the tool ``name``."""
    return f"hwkit toolchain install {name}"


def get(name: str) -> Installed:
    """The installed tool; ``ToolMissing`` with the command that installs it."""
    installed = find(name)
    if installed is None:
        raise ToolMissing(name, remedy(name))
    return installed


def install(name: str) -> Installed:
    """The tool, installed if it is not there yet: downloaded, tried out by its check, and only
    then put in its place by a rename.

    ``ToolMissing`` without pip, ``ToolFailed`` with the log when a download or the check fails,
    ``ConfigError`` when the folder cannot be written.
    """
    wanted = environment(name)
    present = find(name)
    if present is not None:
        return present
    with made_beside(name) as folder:
        _make(wanted, folder)
    return get(name)


def _make(wanted: Environment, folder: Path) -> None:
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    shared: dict[str, dict[str, str]] = {}
    own: dict[str, str] = {}
    for package in wanted.packages:
        place = _place_of_shared(package.name, package.shared)
        if place is None:
            own[package.name] = package.version
        else:
            shared.setdefault(place, {})[package.name] = metadata.version(package.name)
    log = cache_folder("logs") / f"install-{wanted.name}.log"
    if own:
        _download(own, folder, log)
    lines = "".join(f"{place}\n" for place in shared)
    (_site_packages(folder) / _SHARED_FILE).write_text(lines)
    made = Installed(wanted, folder, own)
    with tempfile.TemporaryDirectory(prefix="hwkit-check-") as scratch:
        made.run([str(_CHECKS / wanted.check)], log, cwd=Path(scratch), timeout_s=_CHECK_TIMEOUT_S)
    write_json(folder / _SEAL, {"digest": _digest(wanted), "own": own, "shared": shared})


def _download(packages: Mapping[str, str], folder: Path, log: Path) -> None:
    if find_spec("pip") is None:
        raise ToolMissing("pip", f"{sys.executable} -m ensurepip")
    options = ("--quiet", "--no-deps", "--no-input", "--disable-pip-version-check")
    process.run(
        [
            *(sys.executable, "-m", "pip", "install", *options),
            *("--target", str(_site_packages(folder))),
            *(f"{name}=={version}" for name, version in packages.items()),
        ],
        log,
        timeout_s=_INSTALL_TIMEOUT_S,
    )


def _place_of_shared(package: str, prefix: str) -> str | None:
    """The folder where a version of ``package`` that begins with ``prefix`` is imported from."""
    if not prefix:
        return None
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return None
    return str(found.locate_file("")) if found.version.startswith(prefix) else None


def _version_in(place: str, package: str) -> str | None:
    for found in metadata.distributions(name=package, path=[place]):
        return found.version
    return None


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _site_packages(folder: Path) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return folder / "lib" / version / "site-packages"


def _clean() -> dict[str, str]:
    """Variables that keep other environments' packages out."""
    return {"PYTHONPATH": "", "PYTHONHOME": "", "PYTHONNOUSERSITE": "1"}


def _digest(wanted: Environment) -> str:
    text = json.dumps({**asdict(wanted), "variables": dict(wanted.variables)}, sort_keys=True)
    text += (_CHECKS / wanted.check).read_text()
    return hashlib.sha256(text.encode()).hexdigest()
