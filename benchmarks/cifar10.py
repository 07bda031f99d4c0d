"""CIFAR-10 and a ResNet-8 for it: the images are a file of yours, never part of hwkit.

python -m benchmarks.cifar10 cifar10_jpeg.npz -o float.pt --epochs 20     the float network

The file holds JPEG bytes ``jpeg_train`` and ``jpeg_test``, ``offset_train`` and ``offset_test``
(image i is bytes offset[i] to offset[i + 1]), ``y_train`` and ``y_test``; Pillow decodes it.
"""

from __future__ import annotations

import argparse
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from hwkit.ir.types import Array
from hwkit.train.data import Dataset
from hwkit.train.networks import Network, float_network
from hwkit.train.recipe import Block, Recipe, read_recipe

SHAPE = (3, 32, 32)
BLOCKS = (
    Block("conv1", "conv", 16),
    Block("stack1", "basic", 16),
    Block("stack2", "basic", 32, stride=2),
    Block("stack3", "basic", 64, stride=2),
    Block("pool", "average_pool", kernel=8),
    Block("fc", "dense", 10),
)
"""ResNet-8 as in MLPerf Tiny, without biases in front of batch norms: 12.5 million MACs."""

_BATCH = 128
_PEAK_RATE = 0.2


def recipe() -> Recipe:
    """A recipe of these blocks; whoever uses it sets quantization and phases."""
    return replace(read_recipe("mnist5k_qfx"), name="cifar10", blocks=BLOCKS)


def load(path: Path, train: int = 50_000, test: int = 10_000) -> Dataset:
    """The first ``train`` images for training and ``test`` for testing, in 0..1."""
    with np.load(path) as file:
        arrays = {
            part: (_decoded(file, part, count), file[f"y_{part}"][:count].astype(np.int64))
            for part, count in (("train", train), ("test", test))
        }
    return Dataset("cifar10", *arrays["train"], *arrays["test"])


def _decoded(file: np.lib.npyio.NpzFile, part: str, count: int) -> Array:
    from PIL import Image

    raw, offsets = file[f"jpeg_{part}"], file[f"offset_{part}"]
    images = np.zeros((min(count, len(offsets) - 1), 32, 32, 3), np.uint8)
    for i in range(len(images)):
        with Image.open(io.BytesIO(raw[offsets[i] : offsets[i + 1]].tobytes())) as image:
            images[i] = np.asarray(image.convert("RGB"))
    return np.ascontiguousarray(images.transpose(0, 3, 1, 2)).astype(np.float32) / np.float32(255)


def train_float(data: Dataset, epochs: int) -> Network:
    """SGD with momentum, one-cycle learning rate; batches shifted by up to 4 pixels, images
    mirrored at random, labels smoothed by 0.05."""
    torch.manual_seed(1)
    network = float_network(recipe(), SHAPE)
    network.to(memory_format=torch.channels_last)  # a third faster
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    steps = len(images) // _BATCH
    optimizer = torch.optim.SGD(
        network.parameters(), lr=_PEAK_RATE, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=_PEAK_RATE, total_steps=epochs * steps, pct_start=0.25
    )
    generator = torch.Generator().manual_seed(1)
    for epoch in range(epochs):
        network.train()
        order = torch.randperm(len(images), generator=generator)
        for k in range(steps):
            chosen = order[k * _BATCH : (k + 1) * _BATCH]
            x = augmented(images[chosen], generator).contiguous(memory_format=torch.channels_last)
            loss = nn.functional.cross_entropy(network(x), labels[chosen], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}/{epochs}: loss {float(loss.detach()):.3f}", flush=True)
    network.eval()
    return network


def augmented(x: Tensor, generator: torch.Generator) -> Tensor:
    """A batch (N, 3, 32, 32) shifted by up to 4 pixels, some of its images mirrored."""
    padded = nn.functional.pad(x, (4,) * 4, mode="reflect")
    row, column = (int(v) for v in torch.randint(0, 9, (2,), generator=generator))
    x = padded[:, :, row : row + 32, column : column + 32]
    mirrored = torch.rand(len(x), generator=generator) < 0.5
    return torch.where(mirrored[:, None, None, None], x.flip(3), x)


def main() -> None:
    """Trains the float network and saves its state."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args()
    network = train_float(load(options.images), options.epochs)
    torch.save(network.state_dict(), options.out)


if __name__ == "__main__":
    main()
