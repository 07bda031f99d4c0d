"""Steps of a long job, each done once: a folder by the digest of all that it is made of.

A step works in a folder of its own beside its place and is put there by a rename, sealed with the
SHA-256 of each of its files. So a process may be killed at any moment: what was done stays, what
was under way is gone, and whoever starts again does only what is left.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hwkit.errors import ConfigError, FormatError
from hwkit.files import read_json, replace_folder, write_json
from hwkit.formats import who

_SEAL = "step.json"
_LOCK = ".lock"


@dataclass(slots=True)
class Steps:
    """The steps in ``folder``; ``told`` gets a line for each that begins, ``counted`` says how many
    were ``"done"`` by this process and how many ``"kept"`` from before."""

    folder: Path
    told: Callable[[str], None] = lambda line: None
    counted: dict[str, int] = field(default_factory=lambda: {"done": 0, "kept": 0})

    def done(self, name: str, made_of: Any, make: Callable[[Path], None]) -> Path:
        """The folder of step ``name``, filled by ``make`` unless an undamaged one is there that
        was made of the same: ``made_of`` (plain JSON) by the same hwkit.

        Raises what ``make`` raises; nothing is left of the step then. Example: ``done("train",
        {"recipe": digest}, lambda out: train(recipe, out))``.
        """
        key = _digest([name, made_of, who()])
        target = self.folder / f"{name}-{key[:16]}"
        if _is_sealed(target):
            self.counted["kept"] += 1
            return target
        self.told(name)
        scratch = Path(tempfile.mkdtemp(dir=self.folder, prefix=f".{name[:40]}."))
        try:
            make(scratch)
            write_json(scratch / _SEAL, {"name": name, "key": key, "files": _files(scratch)})
            scratch.chmod(0o755)
            replace_folder(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        self.counted["done"] += 1
        return target


@contextmanager
def opened(run: Path, told: Callable[[str], None] = lambda line: None) -> Iterator[Steps]:
    """The steps of ``run``, for one process at a time; what a killed one left half done is removed.

    Raises ``ConfigError`` where another process is at work there, or the folder cannot be made.
    """
    folder = run / "steps"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}; choose another folder") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"{run}: another process is at work there; wait for it, or choose another folder"
            ) from error
        for left in folder.glob(".*"):
            if left.name != _LOCK:
                shutil.rmtree(left, ignore_errors=True)
        yield Steps(folder, told)
    finally:
        os.close(handle)


def _is_sealed(folder: Path) -> bool:
    """Whether every file is there as it was made."""
    if not (folder / _SEAL).is_file():
        return False
    try:
        return bool(read_json(folder / _SEAL)["files"] == _files(folder))
    except (FormatError, LookupError, TypeError, OSError):
        return False


def _files(folder: Path) -> dict[str, str]:
    """SHA-256 of each file but the seal, by path."""
    found = (path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: _sha256(named[name]) for name in sorted(named) if name != _SEAL}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
