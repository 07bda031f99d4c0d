"""The cache folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.toolchain.cache import cache_folder


def test_a_relative_folder_is_made_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C simulations are run by their path, from another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    assert cache_folder("builds") == tmp_path / "here" / "hwkit" / "builds"
