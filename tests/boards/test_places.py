"""Places: names for a board at a port, and what is wrong in their file."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.boards import places
from hwkit.boards.places import Place, load_places, placed
from hwkit.errors import ConfigError

TEXT = """\
[bench]
board = "nucleo_l4r5zi"
port = "/dev/ttyACM0"

[shed]
board = "./mine.toml"
port = "socket://shed:4000"
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "places.toml"
    path.write_text(TEXT)
    monkeypatch.setenv(places.VARIABLE, str(path))
    return path


def test_a_place_is_a_board_at_a_port(file: Path) -> None:
    mine = str(file.parent / "mine.toml")
    assert load_places() == [
        Place("nucleo_l4r5zi", "/dev/ttyACM0", "bench"),
        Place(mine, "socket://shed:4000", "shed"),
    ]
    assert placed("bench") == ("nucleo_l4r5zi", "/dev/ttyACM0")
    assert placed("shed") == (mine, "socket://shed:4000")
    assert placed("virtual_m4") == ("virtual_m4", None)
    assert placed("./bench.toml") == ("./bench.toml", None)


def test_the_users_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(places.VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load_places() == [] and placed("bench") == ("bench", None)
    (tmp_path / "hwkit").mkdir()
    (tmp_path / "hwkit" / "places.toml").write_text(TEXT)
    assert [place.name for place in load_places()] == ["bench", "shed"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[bench]", "[virtual_m4]", "virtual_m4: a board or a file is called so; rename"),
        ("[bench]", '["a/b"]', "a/b: a board or a file is called so"),
        ('port = "/dev/ttyACM0"', "", r"bench: has no port; add port = "),
        ("port", "prot", "bench: unknown key 'prot'; known: board, port"),
        ("board", "name", "bench: unknown key 'name'; known: board, port"),
        ('"/dev/ttyACM0"', "7", "bench.port: expected a text, got 7"),
        ("[bench]", "bench = 3\n[b]", "bench: expected a table"),
        ("[bench]", "[bench", "(at line 1"),
    ],
)
def test_what_is_wrong(file: Path, old: str, new: str, message: str) -> None:
    file.write_text(file.read_text().replace(old, new, 1))
    with pytest.raises(ConfigError) as error:
        placed("bench")
    assert message in str(error.value) and str(file) in str(error.value)


def test_a_file_that_is_named_and_missing(file: Path) -> None:
    file.unlink()
    with pytest.raises(ConfigError, match=r"places\.toml: No such file"):
        load_places()
