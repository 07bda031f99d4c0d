"""Packages of Debian, Ubuntu and their like, unpacked into a folder: no root, nothing installed."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwkit.errors import ToolFailed
from hwkit.toolchain import process

_UPDATE_TIMEOUT_S = 600.0
_DOWNLOAD_TIMEOUT_S = 1800.0

_INST = re.compile(r"^Inst (\S+) (?:\[[^\]]*\] )?\((\S+) ", re.MULTILINE)
"""``Inst libfdt1 [1.6.0-1] (1.6.1-4 Debian:12.15/stable [amd64])``; [...] when it is an upgrade."""


@dataclass(frozen=True, slots=True)
class Package:
    """One that was unpacked, with the SHA-256 of its file, which apt has checked by the
    distribution's signature."""

    name: str
    version: str
    architecture: str
    sha256: str


def is_there() -> bool:
    """Whether this system has apt's and dpkg's programs."""
    return all(map(shutil.which, ("apt-get", "apt-cache", "dpkg-deb")))


class Apt:
    """apt with lists and downloads of its own in ``scratch``, and the system's sources and keys.

    The system's lists are left alone: an ordinary user cannot refresh them, a slim image has
    none. Output goes to ``log``. Every method raises ``ToolFailed`` when apt says no.
    """

    def __init__(self, scratch: Path, log: Path) -> None:
        self._scratch = scratch
        self._log = log
        lists, archives = scratch / "lists", scratch / "cache"
        for folder in (lists / "partial", archives / "archives" / "partial"):
            folder.mkdir(parents=True, exist_ok=True)
        settings = (
            f"Dir::State::Lists={lists}",
            f"Dir::Cache={archives}",
            "Acquire::Languages=none",
            "Acquire::Retries=5",
            "Acquire::http::Timeout=60",
            # As root, apt would download as a user who may not enter the folder.
            "APT::Sandbox::User=root",
        )
        self._options = [part for setting in settings for part in ("-o", setting)]

    def update(self) -> None:
        """Fetches the lists of packages: 10 MB on Debian 12."""
        self._run("apt-get", "update", timeout_s=_UPDATE_TIMEOUT_S)

    def knows(self, package: str) -> bool:
        """Whether the release has ``package``."""
        try:
            self._run("apt-cache", "show", "--no-all-versions", package)
        except ToolFailed:
            return False
        return True

    def unpack(self, packages: Sequence[str], folder: Path) -> list[Package]:
        """Unpacks ``packages``, and of what they depend on all that the system lacks, into
        ``folder``; what, sorted by name."""
        plan = self._run(
            *("apt-get", "install", "--simulate", "--reinstall", "--no-install-recommends"),
            *packages,
        )
        wanted = [f"{name}={version}" for name, version in _INST.findall(plan)]
        downloads = self._scratch / "packages"
        downloads.mkdir()
        self._run("apt-get", "download", *wanted, cwd=downloads, timeout_s=_DOWNLOAD_TIMEOUT_S)
        return sorted(
            (self._unpack(path, folder) for path in downloads.glob("*.deb")),
            key=lambda package: package.name,
        )

    def _unpack(self, path: Path, folder: Path) -> Package:
        fields = "--showformat=${Package} ${Version} ${Architecture}"
        name, version, architecture = self._run("dpkg-deb", "--show", fields, str(path)).split()
        self._run("dpkg-deb", "--extract", str(path), str(folder))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return Package(name, version, architecture, digest)

    def _run(
        self, program: str, *arguments: str, cwd: Path | None = None, timeout_s: float = 120
    ) -> str:
        options = self._options if program.startswith("apt") else []
        return process.run(
            [program, *options, *arguments],
            self._log,
            cwd=cwd,
            env={"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            timeout_s=timeout_s,
        )
