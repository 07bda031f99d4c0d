"""Campaign files: which cells they mean, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.errors import ConfigError, FormatError
from hwkit.flow.campaign.matrix import Cell, cells, read

TEXT = """
[matrix]
models = ["m*.hwk", "big.hwk"]
boards = ["virtual_m4", "virtual_m0"]
optimize = ["", "speed"]
repeats = 2

[[exclude]]
board = "virtual_m0"
optimize = "speed"

[[exclude]]
model = "big*"
board = "virtual_m0"

[[include]]
model = "big.hwk"
board = "mine.toml"
sram = "20kB"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("m1.hwk", "m2.hwk", "big.hwk"):
        (tmp_path / name).touch()
    return tmp_path


def written(folder: Path, text: str) -> Path:
    path = folder / "nightly.toml"
    path.write_text(text)
    return path


def test_the_matrix_without_what_is_excluded_and_with_what_is_included(folder: Path) -> None:
    campaign = read(written(folder, TEXT))
    assert (campaign.name, campaign.matrix.repeats) == ("nightly", 2)
    found = cells(campaign, folder)
    m4 = [("virtual_m4", goal) for goal in ("", "speed")]
    expected = [
        Cell(folder / f"m{k}.hwk", board, goal)
        for k in (1, 2)
        for board, goal in (*m4, ("virtual_m0", ""))
    ]
    expected += [Cell(folder / "big.hwk", board, goal) for board, goal in m4]
    expected += [Cell(folder / "big.hwk", str(folder / "mine.toml"), "", "20kB")]
    assert found == expected
    assert found[-1].shape == {"optimize": None, "sram": "20kB", "input": None}
    assert found[1].title == "m1.hwk on virtual_m4, optimize=speed"


def test_options_cross_the_boards_that_have_them(folder: Path) -> None:
    text = '[matrix]\nmodels = ["m1.hwk"]\nboards = ["virtual_m4", "host_tflm"]\n'
    text += 'optimize = ["balanced", "speed"]\nsram = ["20kB", "9kB"]\n'
    found = cells(read(written(folder, text)), folder)
    m4 = [(goal, size) for goal in ("balanced", "speed") for size in ("20kB", "9kB")]
    expected = [Cell(folder / "m1.hwk", "virtual_m4", *options) for options in m4]
    assert found == [*expected, Cell(folder / "m1.hwk", "host_tflm")]


def test_a_cell_that_is_named_twice_is_there_once(folder: Path) -> None:
    text = '[matrix]\nmodels = ["m1.hwk", "m*.hwk"]\nboards = ["virtual_m4"]\n'
    text += '[[include]]\nmodel = "m2.hwk"\nboard = "virtual_m4"\n'
    assert len(cells(read(written(folder, text)), folder)) == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[matrix", "no TOML"),
        ('[matrix]\nmodels = ["m1.hwk"]\n', "key 'boards' is missing"),
        ('[matrix]\nmodels = ["m1.hwk"]\nboards = ["b"]\nrepeat = 2\n', "unknown key 'repeat'"),
        ('[matrix]\nmodels = []\nboards = ["b"]\n', "matrix.models is empty"),
        ('[matrix]\nmodels = ["m"]\nboards = ["b"]\nrepeats = 0\n', "matrix.repeats is 0"),
        (
            '[matrix]\nmodels = ["m"]\nboards = ["b"]\n[retry]\nbackoff_s = -1.0\n',
            "retry.backoff_s is -1",
        ),
    ],
)
def test_files_that_make_no_sense(folder: Path, text: str, said: str) -> None:
    with pytest.raises((FormatError, ConfigError), match=said):
        read(written(folder, text))


def test_a_model_that_is_not_there_is_named(folder: Path) -> None:
    campaign = read(written(folder, '[matrix]\nmodels = ["x*.hwk"]\nboards = ["b"]\n'))
    with pytest.raises(ConfigError, match=r"no file matches 'x\*.hwk'"):
        cells(campaign, folder)


def test_nothing_left_and_too_much_are_refused(folder: Path) -> None:
    text = '[matrix]\nmodels = ["m1.hwk"]\nboards = ["virtual_m4"]\n'
    with pytest.raises(ConfigError, match="no cells are left"):
        cells(read(written(folder, text + '[[exclude]]\nmodel = "*"\n')), folder)
    with pytest.raises(ConfigError, match="200,000 rows; at most 100,000"):
        cells(read(written(folder, text + "repeats = 200000\n")), folder)
