"""FINN, really installed: once for a run of the tests, in a folder of their own (10 s)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.toolchain import isolated
from hwkit.toolchain.isolated import Installed


@pytest.fixture(scope="session")
def finn_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with FINN in it."""
    home = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(home))
        isolated.install("finn")
    return home


@pytest.fixture
def finn(finn_home: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """FINN, installed for this test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(finn_home))
    return isolated.get("finn")
