"""The cache folder, without a home too, and its entries, whole or made again."""

from __future__ import annotations

import ctypes
import os
import pwd
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hwkit.errors import ConfigError
from hwkit.toolchain import host_cc
from hwkit.toolchain.cache import cache_folder, data_folder, kept


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_relative_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C simulations are run by their path, from another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder("builds") == tmp_path / "here" / "hwkit" / "builds"


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No HOME, no XDG folders, a uid without a name: as in a container. Gives what is /tmp."""

    def unnamed(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    for name in ("HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unnamed)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("home", [None, "", "/nonexistent", "/dev/null", "relative"])
def test_without_a_home_a_temporary_folder_takes_its_place(
    home: str | None,
    homeless: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if home is not None:
        monkeypatch.setenv("HOME", home)
    instead = homeless / f"hwkit-{os.geteuid()}"
    assert cache_folder("builds") == instead / ".cache" / "hwkit" / "builds"
    assert data_folder() == instead / ".local" / "share" / "hwkit"
    cache_folder("logs")
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"using {instead}; set XDG_CACHE_HOME" in said
    assert stat.S_IMODE(instead.stat().st_mode) == 0o700


def test_a_temporary_folder_that_others_can_write_is_refused(homeless: Path) -> None:
    """Programs are run from there."""
    prepared = homeless / f"hwkit-{os.geteuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    with pytest.raises(ConfigError, match="belongs to somebody else; set XDG_CACHE_HOME"):
        cache_folder("builds")
    prepared.rmdir()
    prepared.symlink_to("/tmp")
    with pytest.raises(ConfigError, match="hwkit"):
        cache_folder("builds")


def test_a_file_as_cache_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="set XDG_CACHE_HOME to a writable folder"):
        cache_folder("builds")


def test_a_cache_that_cannot_be_written_is_replaced(
    homeless: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As one that somebody has filled and mounted read-only."""
    warm = homeless / "warm"
    monkeypatch.setenv("XDG_CACHE_HOME", str(warm))
    assert cache_folder("builds") == warm / "hwkit" / "builds"
    writable = os.access
    monkeypatch.setattr(
        os, "access", lambda path, mode: warm not in Path(path).parents and writable(path, mode)
    )
    instead = homeless / f"hwkit-{os.geteuid()}"
    for _ in range(2):
        assert cache_folder("builds") == instead / ".cache" / "hwkit" / "builds"
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"no cache folder that can be written, using {instead}" in said


@pytest.mark.parametrize("damage", [b"", b"whol", b"whole thing, and more", None])
def test_an_entry_that_is_damaged_is_made_again(damage: bytes | None, tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        path.write_bytes(b"whole thing")

    target = tmp_path / "entry"
    for _ in range(2):
        assert kept(target, make).read_bytes() == b"whole thing"
    assert len(made) == 1
    if damage is None:
        target.unlink()
    else:
        target.write_bytes(damage)
    assert kept(target, make).read_bytes() == b"whole thing"
    assert len(made) == 2
    (tmp_path / "entry.sha256").write_bytes(b"\xff" * 64)
    assert kept(target, make).read_bytes() == b"whole thing"
    assert len(made) == 3 and names(tmp_path) == ["entry", "entry.sha256"]


def test_threads_make_an_entry_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: Path) -> None:
        made.append(path)
        time.sleep(0.05)
        path.write_bytes(b"x")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: kept(tmp_path / "entry", make), range(4)))
    assert len(made) == 1


_MAKER = """
import sys, time
from pathlib import Path
from hwkit.toolchain.cache import kept

def make(path):
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    time.sleep(0.3)
    path.write_bytes(b"x")

kept(Path(sys.argv[1]), make)
"""


def test_processes_make_an_entry_once(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    arguments = [str(tmp_path / "cache" / "entry"), str(tmp_path / "log")]
    running = [subprocess.Popen([sys.executable, "-c", _MAKER, *arguments]) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "made\n"
    assert names(tmp_path / "cache") == ["entry", "entry.sha256"]


def test_a_library_that_was_damaged_is_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shared library cut short kills the process that loads it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "seven.c").write_text("int seven(void);\nint seven(void) { return 7; }\n")
    library = host_cc.shared_library([tmp_path / "seven.c"])
    library.write_bytes(library.read_bytes()[:2000])
    assert ctypes.CDLL(str(host_cc.shared_library([tmp_path / "seven.c"]))).seven() == 7
