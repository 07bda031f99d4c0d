"""What git says, and silence where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit import revision
from hwkit.revision import called, commit, git
from hwkit.version import __version__


def test_what_git_prints(tmp_path: Path) -> None:
    assert git(None, "--version").startswith("git version ")
    git(tmp_path, "init", "-q")
    assert git(tmp_path, "rev-parse", "--show-toplevel") == str(tmp_path.resolve())
    assert git(tmp_path, "rev-parse", "--verify", "HEAD") == ""  # nothing was committed


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git(None, "--version") == ""


def test_a_wheel_knows_the_commit_that_it_was_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit.cache_clear()
    monkeypatch.setattr(revision, "_PACKAGE", tmp_path / "hwkit")
    assert commit() == "" and called() == __version__
    commit.cache_clear()
    (tmp_path / "hwkit" / "_data").mkdir(parents=True)
    (tmp_path / "hwkit" / "_data" / "commit").write_text("4b7418f0c2aa99+changes\n")
    assert commit() == "4b7418f0c2aa99+changes"
    assert called() == f"{__version__}, commit 4b7418f0c2aa+changes"
    commit.cache_clear()
