from __future__ import annotations

from pathlib import Path

import pytest

from hwkit.errors import ConfigError
from hwkit.train.recipe import built_in, read_recipe, recipe_path, recipe_text

DIGITS = recipe_path("digits").read_text()


def test_built_in_recipes_are_valid() -> None:
    assert built_in() == (
        "digits",
        "digits_po2",
        "digits_qfx",
        "jets_qfx",
        "mnist5k",
        "mnist5k_po2",
        "mnist5k_qfx",
    )
    for name in built_in():
        recipe = read_recipe(name)
        assert recipe.name == name
        assert (recipe.quantization.scales == "power_of_two") == name.endswith(("_po2", "_qfx"))
        assert (recipe.quantization.scheme == "qfx") == name.endswith("_qfx")
        for block in recipe.blocks:
            assert block.kind != "average_pool" or block.kernel & (block.kernel - 1) == 0


def test_a_wrong_name_is_told_what_it_may_have_meant() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mnist5k'\\? known: digits, "):
        read_recipe("mnist5")


def test_fixed_point_fields_belong_to_qfx(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(DIGITS.replace("[quantization]", '[quantization]\nrounding = "floor"'))
    with pytest.raises(ConfigError, match="chosen with scheme = 'qfx' only"):
        read_recipe(path)
    path.write_text(DIGITS.replace("[quantization]", '[quantization]\nscheme = "qfx"'))
    with pytest.raises(ConfigError, match="qfx is fixed point"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ("seed = 1", "seed = 1\ncolour = 3", "unknown key 'colour'"),
        ("seed = 1", "seed = true", "seed: expected a whole number"),
        ("seed = 1", "seed = -1", "seed: -1 is not in 0"),
        ("seed = 1", "", "key 'seed' is missing"),
        ('dataset = "digits"', 'dataset = "cifar"', "dataset: expected digits or mnist5k or jets"),
        ("weight_bits = 8", "weight_bits = 9", "quantization.weight_bits: 9 is not in 2..8"),
        ("epochs = 10", "epochs = 1.5", "qat.epochs: expected a whole number"),
        ("learning_rate = 0.001", "learning_rate = nan", "qat.learning_rate: expected a finite"),
        ('kind = "residual"', 'kind = "lstm"', "blocks[2].kind: expected conv or"),
        ('name = "block2"', 'name = "block1"', "blocks[2].name: 'block1' must be"),
        ('name = "block2"', 'name = "a/b"', "blocks[2].name: 'a/b' must be"),
        ('kind = "dense"', 'kind = "conv"', "the last one 'dense'"),
        ("channels = 16", "channels = 0", "blocks[1].channels: 0 is not in 1"),
        ("seed = 1", "seed = ", "not TOML"),
    ],
)
def test_wrong_keys_and_values_are_named(tmp_path: Path, old: str, new: str, place: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DIGITS.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_recipe_lists_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="digits, digits_po2"):
        read_recipe(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not TOML"):
        read_recipe(tmp_path / "binary.toml")


def test_a_recipe_as_text_is_the_same_recipe(tmp_path: Path) -> None:
    path = tmp_path / "again.toml"
    for name in built_in():
        recipe = read_recipe(name)
        path.write_text(recipe_text(recipe))
        assert read_recipe(path) == recipe
        assert recipe_text(read_recipe(path)) == path.read_text()


def test_a_data_set_of_ones_own_is_sought_beside_the_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(DIGITS.replace('dataset = "digits"', 'dataset = "d/mine.npz"\nresolution = 4'))
    recipe = read_recipe(path)
    assert recipe.dataset == str(tmp_path.resolve() / "d/mine.npz") and recipe.resolution == 4
    path.write_text(recipe_text(recipe))
    assert read_recipe(path) == recipe
