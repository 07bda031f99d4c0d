"""Spaces: what may be chosen, and the recipe of a point."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwkit.errors import ConfigError
from hwkit.flow.search.space import built_in, read_space

TINY = """
name = "tiny"
dataset = "digits"
seed = 1

[search]
candidates = 2
halving = 2
rungs = 2

[quantization]
scales = "float"

[float_training]
epochs = 2
batch_size = 64
learning_rate = 0.01

[qat]
epochs = 1
batch_size = 64
learning_rate = 0.001

[[blocks]]
name = "conv1"
kind = "conv"
channels = {from = 2, to = 6, step = 4}
stride = 2

[[blocks]]
name = "pool"
kind = "average_pool"
kernel = 0

[[blocks]]
name = "fc"
kind = "dense"
channels = 10
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "tiny.toml"
    path.write_text(text)
    return path


def test_built_in_spaces_are_valid() -> None:
    assert built_in() == ("digits",)
    space = read_space("digits")
    assert space.size() == 2 * 2 * 4 * 2 * 2 * 4 * 2 * 3
    assert [d.name for d in space.dimensions if not d.is_ordered] == ["blocks.middle.kind"]
    least = space.least()
    assert (least["resolution"], least["blocks.stem.channels"]) == (4, 4)
    assert least["blocks.middle.stride"] == 2


def test_a_point_is_a_recipe(tmp_path: Path) -> None:
    space = read_space(written(tmp_path, TINY))
    assert [d.values for d in space.dimensions] == [(2, 6)]
    assert (space.effort.candidates, space.effort.halving, space.effort.rungs) == (2, 2, 2)
    recipe = space.recipe({"blocks.conv1.channels": 6})
    assert (recipe.blocks[0].channels, recipe.blocks[0].stride, recipe.seed) == (6, 2, 1)
    assert space.recipe(space.least()).blocks[0].channels == 2


def test_blocks_are_repeated_or_left_out(tmp_path: Path) -> None:
    text = TINY.replace("stride = 2", "stride = 2\nrepeat = [0, 1, 3]")
    space = read_space(written(tmp_path, text))
    for times in (0, 1, 3):
        found = space.recipe({"blocks.conv1.channels": 2, "blocks.conv1.repeat": times}).blocks
        names = ["conv1", "conv1_2", "conv1_3"][:times]
        assert [b.name for b in found] == [*names, "pool", "fc"]
        assert [b.stride for b in found[:times]] == [2, 1, 1][:times]


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("{from = 2, to = 6, step = 4}", "4", "nothing to choose"),
        ("{from = 2, to = 6, step = 4}", "{from = 6, to = 2}", "blocks.conv1.channels: a range"),
        ("{from = 2, to = 6, step = 4}", "{from = 1, to = 9, step = 0}", "channels: a range"),
        ("{from = 2, to = 6, step = 4}", "[2, 2]", "give 1 to 256 different values"),
        ("{from = 2, to = 6, step = 4}", "[2, 0]", "(choice 0 of blocks.conv1.channels)"),
        ("{from = 2, to = 6, step = 4}", '[2, "x"]', "(choice 'x' of blocks.conv1.channels)"),
        ("{from = 2, to = 6, step = 4}", "[2, [3]]", "give 1 to 256 different values"),
        ("stride = 2", "stride = 2\nrepeat = [1, 99]", "blocks.conv1.repeat: 99 is not in 0..32"),
        ("halving = 2", "halving = 1", "search.halving: 1 is not in 2"),
        ("halving = 2", "haste = 1", "unknown key 'haste'"),
        ("seed = 1", "seed = ", "not TOML"),
    ],
)
def test_what_is_no_space_is_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    path = written(tmp_path, TINY.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_space(path)
    assert str(caught.value).startswith(f"{path}: ") and place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_space_lists_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="give a space file or one of digits"):
        read_space(tmp_path / "none.toml")


def test_the_space_of_the_page(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "search.md"
    (text,) = re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    space = read_space(written(tmp_path, text))
    assert (space.name, space.size()) == ("found", 2 * 2 * 4 * 2 * 2 * 3 * 2 * 3)
    assert space.effort.candidates == 18
