"""The build cache: what a build plan makes, once for each plan, for whoever wants it next."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_file, read_json, remove_abandoned, replace_folder, write_json
from hwkit.toolchain.cache import cache_folder

T = TypeVar("T")

_LOG = logging.getLogger(__name__)

_COMPLETE = ".complete"
"""In a folder whose build ended well: the name of the file that runs, and every file's SHA-256."""

_MOST_BYTES = 1 << 30
"""No file of a build is longer: a board has less memory, and a simulation some megabytes."""


def entry(board_name: str, plan_digest: str, tools: Mapping[str, str]) -> Path:
    """The folder of the cache for what ``tools`` make of a plan for a board; it may not be there.

    Example: ``.../hwkit/builds/virtual_m4-2ac31765cb97f3a0274cde73``.
    """
    # A home folder may serve machines of several kinds, and simulations run on this one.
    text = plan_digest + json.dumps(dict(tools), sort_keys=True) + platform.machine()
    digest = hashlib.sha256(text.encode()).hexdigest()[:24]
    return cache_folder("builds") / f"{board_name}-{digest}"


@dataclass(frozen=True, slots=True)
class CachedBuild:
    """A build in ``folder``, an ``entry``: ``make`` fills a folder and gives the file in it that
    runs. It is called where no earlier build is left, or a damaged one; what it raises goes
    through, and nothing stays of it then."""

    folder: Path
    make: Callable[[Path], Path]

    def opened(self, read: Callable[[Path], T]) -> T:
        """What ``read`` finds in the folder. The build is made again where the file that runs has
        changed, and where ``read`` raises ``ConfigError`` or ``FormatError``."""
        if self._is_whole("runs"):
            _LOG.info("%s: was built before", self.folder)
        else:
            self._make_beside()
        try:
            return read(self.folder)
        except (ConfigError, FormatError):  # what lies beside the file that runs is damaged
            self._remake()
            return read(self.folder)

    def copy(self, out: Path) -> None:
        """Puts every file that was made into ``out``, with its times; the build is made again
        where one of them has changed."""
        if not self._is_whole("files"):
            self._remake()
        for name in self._sealed("files"):
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.folder / name, out / name)

    def _sealed(self, part: str) -> dict[str, str]:
        """SHA-256 by name of the files of ``part``, ``runs`` (one) or ``files`` (all)."""
        sealed: dict[str, str] = read_json(self.folder / _COMPLETE)[part]
        return sealed

    def _is_whole(self, part: str) -> bool:
        """Whether a build ended well, and the files of ``part`` are still what it made."""
        try:
            runs, sealed = self._sealed("runs"), self._sealed(part)
            if not runs or not runs.items() <= sealed.items():
                return False
            return all(_sha256(self.folder / name) == digest for name, digest in sealed.items())
        except (OSError, ConfigError, FormatError, KeyError, TypeError, AttributeError):
            return False

    def _remake(self) -> None:
        (self.folder / _COMPLETE).unlink(missing_ok=True)
        self._make_beside()

    def _make_beside(self) -> None:
        """Builds in a neighbour and renames: a killed build is never taken for a whole one."""
        folder = self.folder
        _LOG.info("%s: building", folder)
        remove_abandoned(folder.parent)
        beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            runs = str(self.make(beside).relative_to(beside))
            made = sorted(path for path in beside.rglob("*") if path.is_file())
            files = {str(path.relative_to(beside)): _sha256(path) for path in made}
            write_json(beside / _COMPLETE, {"runs": {runs: files[runs]}, "files": files})
            if not self._is_whole("runs"):  # another process may be running the same build
                replace_folder(beside, folder)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


def _sha256(path: Path) -> str:
    return hashlib.sha256(read_file(path, _MOST_BYTES, "build it again")).hexdigest()
