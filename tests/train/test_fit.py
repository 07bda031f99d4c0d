"""Shifts of training images."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

import torch

from hwkit.train.fit import shifted


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_moves_by_itself_with_all_its_channels(channels: int) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(20, channels, 6, 6, generator=generator) + 1
    moved = shifted(images, 2, generator)
    assert moved.shape == images.shape
    padded, found = torch.nn.functional.pad(images, (2,) * 4), set()
    for before, after in zip(padded, moved, strict=True):
        places = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if torch.equal(before[:, y : y + 6, x : x + 6], after)
        ]
        assert len(places) == 1
        found.update(places)
    assert len(found) > 5
    assert shifted(images, 0, generator) is images
