"""Files: written whole, through what is no regular file, to where links lead; read with a bound."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path

import pytest

from hwkit import files
from hwkit.errors import ConfigError, FormatError
from hwkit.files import (
    check_writable,
    opened,
    read_file,
    read_json,
    replace_folder,
    size_text,
    write_whole,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_device_is_written_through() -> None:
    before = Path("/dev/null").stat().st_mode
    write_whole(Path("/dev/null"), b"gone")
    assert Path("/dev/null").stat().st_mode == before and stat.S_ISCHR(before)
    with pytest.raises(ConfigError, match=r"/dev/full: cannot be written .No space left"):
        write_whole(Path("/dev/full"), b"x")


def test_a_pipe_is_written_through(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, b"x" * 200_000)
    reader.join()
    assert got == [b"x" * 200_000] and pipe.is_fifo()


def test_an_open_file_goes_on_where_it_is(tmp_path: Path) -> None:
    """What /dev/stdout leads to, behind a shell's ``> file``."""
    with (tmp_path / "out").open("wb", buffering=0) as out:
        out.write(b"before ")
        link = tmp_path / "link"
        link.symlink_to(f"/proc/self/fd/{out.fileno()}")
        write_whole(link, b"through ")
        out.write(b"after")
    assert (tmp_path / "out").read_bytes() == b"before through after" and link.is_symlink()


@pytest.mark.parametrize("there", [True, False])
def test_a_link_is_followed(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    if there:
        (folder / "file").write_bytes(b"old")
    (tmp_path / "second").symlink_to("folder/file")
    (tmp_path / "first").symlink_to(tmp_path / "second")
    write_whole(tmp_path / "first", b"new")
    assert (folder / "file").read_bytes() == b"new"
    assert (tmp_path / "first").is_symlink() and (tmp_path / "second").is_symlink()
    assert names(folder) == ["file"]


def test_permissions_stay_and_new_files_have_those_of_the_umask(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_bytes(b"x")
    old.chmod(0o640)
    write_whole(old, b"y")
    assert stat.S_IMODE(old.stat().st_mode) == 0o640
    before = os.umask(0o077)
    try:
        write_whole(tmp_path / "new", b"y")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_one_line_and_stays(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"kept")
    for path in ("folder", "loop", "file/below"):
        with pytest.raises(ConfigError, match=f"{path}: cannot be written"):
            write_whole(tmp_path / path, b"x")
        with pytest.raises(ConfigError, match=f"{path}: cannot be written"):
            check_writable(tmp_path / path)
    with pytest.raises(ConfigError, match="null byte"):
        write_whole(tmp_path / "a\0b", b"x")
    assert (tmp_path / "file").read_bytes() == b"kept"
    assert names(tmp_path) == ["file", "folder", "loop"]


def test_a_name_as_long_as_a_name_may_be(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 127)
    write_whole(path, b"x")
    assert path.read_bytes() == b"x"


def test_an_interrupted_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"kept")

    def interrupted(handle: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", b"half")
    assert names(tmp_path) == ["file"] and (tmp_path / "file").read_bytes() == b"kept"


def test_a_folder_is_never_missing_while_it_is_replaced(tmp_path: Path) -> None:
    """A kill at any moment finds the old one or the new one."""
    folder = tmp_path / "folder"
    folder.mkdir()
    missing: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            if not folder.is_dir():
                missing.append(1)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for turn in range(100):
        beside = tmp_path / "beside"
        beside.mkdir()
        (beside / str(turn)).touch()
        replace_folder(beside, folder)
    done.set()
    watcher.join()
    assert not missing and names(folder) == ["99"] and names(tmp_path) == ["folder"]


def test_a_system_that_exchanges_nothing_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    for name in ("folder", "beside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    replace_folder(tmp_path / "beside", tmp_path / "folder")
    assert names(tmp_path / "folder") == ["beside"] and names(tmp_path) == ["folder"]


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "missing", "name", "loop"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "name":
        path = tmp_path / "a\0b"
    message = {"pipe": "is a pipe", "device": "is a device", "folder": "is a folder"}
    with pytest.raises(ConfigError, match=f"{message.get(kind, '')}.*; give one"):
        read_file(path, 100, "give one")


def test_a_long_file_is_refused_with_the_budget(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as stream:
        stream.truncate(5 << 30)
    text = f"{path}: is 5,368,709,120 bytes; at most 1 GiB; split it"
    with pytest.raises(FormatError, match=re.escape(text)):
        read_file(path, 1 << 30, "split it")


def test_a_file_that_grows_while_it_is_read_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "grows"
    path.write_bytes(b"1234")
    with opened(path, 4, "x") as stream:
        path.write_bytes(b"1" * 100)
        assert len(stream.read(5)) == 5
    # Files of /proc say that they are empty.
    with pytest.raises(FormatError, match="more than 4 bytes"):
        read_file(Path("/proc/self/status"), 4, "x")


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n")
    with pytest.raises(FormatError, match=r"is a Git LFS pointer.*run 'git lfs pull'"):
        read_file(path, 1000, "x")


@pytest.mark.parametrize("text", ["[" * 200_000, "", "{", "\udcff", "{]"])
def test_json_that_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(FormatError, match=r"x\.json: not JSON"):
        read_json(path)


def test_sizes_are_said_in_the_largest_whole_unit() -> None:
    sizes = (3 << 30, 64 << 20, 1 << 10, 4097, 0)
    said = ["3 GiB", "64 MiB", "1 KiB", "4,097 bytes", "0 bytes"]
    assert [size_text(size) for size in sizes] == said
