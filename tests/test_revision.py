"""What git says, and silence where it says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.revision import git


def test_what_git_prints(tmp_path: Path) -> None:
    assert git(None, "--version").startswith("git version ")
    git(tmp_path, "init", "-q")
    assert git(tmp_path, "rev-parse", "--show-toplevel") == str(tmp_path.resolve())
    assert git(tmp_path, "rev-parse", "--verify", "HEAD") == ""  # nothing was committed


def test_without_git_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git(None, "--version") == ""
