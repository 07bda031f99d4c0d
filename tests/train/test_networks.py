from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("brevitas")

from dataclasses import replace  # noqa: E402

from torch import nn  # noqa: E402

from hwkit.errors import ConfigError  # noqa: E402
from hwkit.train.data import SHAPES  # noqa: E402
from hwkit.train.freeze import fidelity, freeze  # noqa: E402
from hwkit.train.networks import float_network, folded_state  # noqa: E402
from hwkit.train.recipe import Block, built_in, read_recipe  # noqa: E402
from hwkit.train.twins import quantized_network, start  # noqa: E402


@pytest.mark.parametrize("name", built_in())
def test_folded_batch_norms(name: str) -> None:
    """A convolution with the folded weight and bias is the convolution and its batch norm."""
    torch.manual_seed(0)
    recipe = read_recipe(name)
    shape = SHAPES[recipe.dataset]
    network = float_network(recipe, shape)
    for _ in range(3):
        network(torch.rand(8, *shape))
    network.eval()
    state = folded_state(network)
    twin, bits = quantized_network(recipe, shape, {})
    start(recipe, twin, bits, state, torch.rand(8, *shape))
    loaded = dict(twin.named_parameters())
    for path in bits:
        layer = network.get_submodule(path)
        weight, bias = state[f"{path}.weight"], state[f"{path}.bias"]
        assert torch.equal(loaded[f"{path}.weight"], weight)
        assert torch.equal(loaded[f"{path}.bias"], bias)
        if isinstance(layer, nn.Sequential):
            conv = layer[0]
            x = torch.rand(2, conv.in_channels, 9, 9)
            folded = nn.functional.conv2d(
                x, weight, bias, conv.stride, conv.padding, groups=conv.groups
            )
            assert torch.allclose(folded, layer(x), atol=1e-5)


def test_plan_sets_bits_and_unknown_layers_are_named() -> None:
    recipe = read_recipe("digits")
    _, bits = quantized_network(recipe, (1, 8, 8), {"block1.pointwise": 4})
    assert bits["block1.pointwise"] == 4
    assert bits["conv1"] == 8
    with pytest.raises(ConfigError, match=r"'conv9' is not in recipe 'digits'; it has conv1"):
        quantized_network(recipe, (1, 8, 8), {"conv9": 4})
    with pytest.raises(ConfigError, match="conv1: 1 bits"):
        quantized_network(recipe, (1, 8, 8), {"conv1": 1})


@pytest.mark.parametrize("name", ["digits_po2", "digits_qfx"])
def test_residual_blocks_of_two_convolutions_freeze_exactly(name: str) -> None:
    torch.manual_seed(0)
    blocks = (
        Block("conv1", "conv", 4),
        Block("stack1", "basic", 4),
        Block("stack2", "basic", 6, stride=2),
        Block("pool", "average_pool", kernel=4),
        Block("hidden", "dense", 8),
        Block("fc", "dense", 3),
    )
    recipe = replace(read_recipe(name), blocks=blocks)
    network = float_network(recipe, (1, 8, 8))
    assert not hasattr(network.stack1, "shortcut") and hasattr(network.stack2, "shortcut")
    network(torch.rand(8, 1, 8, 8))
    twin, bits = quantized_network(recipe, (1, 8, 8), {})
    start(recipe, twin, bits, folded_state(network.eval()), torch.rand(32, 1, 8, 8))
    for _ in range(25):
        twin(torch.rand(16, 1, 8, 8))
    twin.eval()
    x = torch.rand(100, 1, 8, 8)
    graph = freeze(twin, x[:1])
    assert fidelity(graph, twin, x).moved == 0
    names = [op.name for op in graph.nodes]
    assert set(bits) <= set(names) and "stack2.shortcut" in bits


def test_blocks_that_do_not_fit_are_named() -> None:
    recipe = read_recipe("digits")
    blocks = [replace(b, kernel=3) if b.name == "pool" else b for b in recipe.blocks]
    with pytest.raises(ConfigError, match="block 'pool': a map of 4x4"):
        float_network(replace(recipe, blocks=tuple(blocks)), (1, 8, 8))


def test_pooling_of_the_whole_map_fits_any_map() -> None:
    recipe = read_recipe("digits")
    blocks = [replace(b, kernel=0) if b.name == "pool" else b for b in recipe.blocks]
    whole = replace(recipe, blocks=tuple(blocks))
    for side, pooled in ((8, 4), (12, 6)):
        network = float_network(whole, (1, side, side))
        assert network.pool.kernel_size == pooled
        assert network(torch.rand(1, 1, side, side)).shape == (1, 10)
