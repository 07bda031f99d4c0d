"""Four float networks, as any PyTorch user would write them, and how they were trained.

python -m benchmarks.float_networks DATA -o FLOATS [--only resnet8 ...]

``DATA`` is a folder with ``cifar10_jpeg.npz``, ``mnist.npz`` and ``fsdd.npz``: data of yours, never
part of hwkit (``benchmarks.cifar10`` and ``spoken`` say what they hold). FLOATS gets NAME.pt, a
state dict, and NAME.json with the recipe, the accuracy on the test set and the time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import hwkit
from benchmarks import cifar10
from benchmarks.trained import Case, accuracy, parser, train_all
from hwkit.ir.ops import Conv2d, Dense
from hwkit.train.data import Dataset


class _Basic(nn.Module):
    """``relu(shortcut(x) + bn(conv(relu(bn(conv(x))))))``."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        # Strides of 2 pad behind only, as TensorFlow does.
        self.pad = nn.Identity() if stride == 1 else nn.ZeroPad2d((0, 1, 0, 1))
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, int(stride == 1), bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU()
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(self.pad(x))))
        return self.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet8(nn.Module):
    """ResNet-8 as in MLPerf Tiny: (N, 3, 32, 32) to 10 classes, 12.5 million MACs."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.relu = nn.ReLU()
        self.stacks = nn.Sequential(_Basic(16, 16, 1), _Basic(16, 32, 2), _Basic(32, 64, 2))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.stacks(self.relu(self.bn(self.conv(x)))))
        return self.fc(torch.flatten(x, 1))


def from_mlperf(path: Path, images: Tensor) -> ResNet8:
    """The network of MLPerf Tiny's ``ic_resnet8_int8.tflite`` as a float one to train further: its
    weights times their scales, and batch norms that ``images`` (N, 3, 32, 32) put in front of its
    biases without changing what is computed."""
    graph, network = hwkit.load(path), ResNet8()
    layers = iter([n for n in graph.nodes if isinstance(n, Conv2d | Dense)])

    def weights(layer: nn.Module) -> tuple[Tensor, Tensor]:
        node = next(layers)
        facts, source = (
            graph.tensors[node.weight].quantization,
            graph.tensors[node.input].quantization,
        )
        if facts is None or source is None or node.bias is None:
            raise ValueError(f"{node.name}: without scales or bias")
        scale = np.array(facts.scale)
        integers = graph.constants[node.weight].astype(np.float64)
        weight = integers * scale.reshape(-1, *[1] * (integers.ndim - 1))
        bias = graph.constants[node.bias] * scale * source.scale[0]
        if weight.ndim == 4:
            weight = weight.transpose(0, 3, 1, 2)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))
        return layer.weight, torch.from_numpy(bias).float()

    def before_norm(conv: nn.Module, norm: nn.Module) -> None:
        pairs.append((conv, norm, weights(conv)[1]))

    def plain(layer: nn.Module) -> None:
        _, bias = weights(layer)
        with torch.no_grad():
            layer.bias.copy_(bias)

    pairs: list[tuple[nn.Module, nn.Module, Tensor]] = []
    before_norm(network.conv, network.bn)
    for block in network.stacks:
        before_norm(block.conv1, block.bn1)
        before_norm(block.conv2, block.bn2)
        if isinstance(block.shortcut, nn.Conv2d):
            plain(block.shortcut)
    plain(network.fc)
    with torch.no_grad():
        network.conv.weight *= 255  # The file reads pixels of 0..255.
        for conv, norm, bias in pairs:
            _normalize_as(network, conv, norm, bias, images)
    return network


def _normalize_as(
    network: nn.Module, conv: nn.Module, norm: nn.Module, bias: Tensor, images: Tensor
) -> None:
    """Makes ``norm`` add ``bias``, with the statistics that ``conv`` has on ``images``."""
    seen: list[Tensor] = []
    hook = conv.register_forward_hook(lambda m, x, y: seen.append(y))
    network.eval()
    network(images)
    hook.remove()
    mean, variance = seen[0].mean((0, 2, 3)), seen[0].var((0, 2, 3)) + 1e-3
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(bias + mean)


def _conv_bn(
    inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(outputs)]


class _Inverted(nn.Module):
    """MobileNetV2's inverted residual with a linear bottleneck."""

    def __init__(self, inputs: int, outputs: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        first = [*_conv_bn(inputs, hidden, 1), nn.ReLU6()] if expand != 1 else []
        depthwise = [*_conv_bn(hidden, hidden, 3, stride, hidden), nn.ReLU6()]
        self.conv = nn.Sequential(*first, *depthwise, *_conv_bn(hidden, outputs, 1))
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


_INVERTED = (  # expansion, channels at width 0.35, repeats, stride: that of 32x32 images
    (1, 8, 1, 2),
    (6, 8, 2, 1),
    (6, 16, 3, 2),
    (6, 24, 4, 2),
    (6, 32, 3, 1),
    (6, 56, 3, 1),
    (6, 112, 1, 1),
)


class MobileNetV2(nn.Module):
    """MobileNetV2 of width 0.35 (1801.04381) with strides for (N, 3, 32, 32): 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [*_conv_bn(3, 16, 3), nn.ReLU6()]
        channels = 16
        for expand, outputs, repeats, stride in _INVERTED:
            for k in range(repeats):
                layers.append(_Inverted(channels, outputs, stride if k == 0 else 1, expand))
                channels = outputs
        self.features = nn.Sequential(*layers, *_conv_bn(channels, 1280, 1), nn.ReLU6())
        self.classifier = nn.Sequential(nn.Dropout(0.1), nn.Linear(1280, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class MnistCnn(nn.Module):
    """Two convolutions with max pools and two dense layers: (N, 1, 28, 28) to 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.fc1 = nn.Linear(32 * 7 * 7, 64)
        self.fc2 = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.conv1(x)), 2)
        x = nn.functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = x.reshape(x.size(0), -1)
        return self.fc2(torch.relu(self.fc1(x)))


class Spoken(nn.Module):
    """A 1-D network on raw sound: (N, 1, 4000) samples at 8 kHz to 10 digits."""

    def __init__(self) -> None:
        super().__init__()

        def block(
            inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1
        ) -> list[nn.Module]:
            conv = nn.Conv1d(
                inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
            )
            return [conv, nn.BatchNorm1d(outputs), nn.ReLU()]

        separable = [
            layer
            for inputs, outputs in ((48, 64), (64, 64), (64, 96))
            for layer in (*block(inputs, inputs, 9, 2, inputs), *block(inputs, outputs, 1, 1))
        ]
        self.features = nn.Sequential(*block(1, 32, 65, 8), *block(32, 48, 5, 2), *separable)
        self.pool = nn.AdaptiveAvgPool1d(1)
        self.fc = nn.Linear(96, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.pool(self.features(x)).flatten(1))


SOUND_SAMPLES = 4000


def spoken(path: Path) -> Dataset:
    """Spoken digits of ``fsdd.npz`` (clip i is ``samples[offset[i]:offset[i + 1]]`` of int16 at
    8 kHz, ``y``, ``take``) as (N, 1, 4000) in -1..1: cut or padded behind, each as loud as it can
    be. Takes 0 to 4 are the test set."""
    with np.load(path) as file:
        samples, offset, labels, take = (file[k] for k in ("samples", "offset", "y", "take"))
    sounds = np.zeros((len(labels), 1, SOUND_SAMPLES), np.float32)
    for i in range(len(labels)):
        clip = samples[offset[i] : offset[i + 1]][:SOUND_SAMPLES].astype(np.float32)
        sounds[i, 0, : len(clip)] = clip / max(1.0, float(np.abs(clip).max()))
    labels, test = labels.astype(np.int64), take < 5
    return Dataset("fsdd", sounds[~test], labels[~test], sounds[test], labels[test])


def mnist(path: Path) -> Dataset:
    """``mnist.npz`` (``x_train``, ``y_train``, ``x_test``, ``y_test``) as (N, 1, 28, 28), 0..1."""
    with np.load(path) as file:
        x, y, xt, yt = (file[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    images = [(v[:, None] / np.float32(255)).astype(np.float32) for v in (x, xt)]
    return Dataset("mnist", images[0], y.astype(np.int64), images[1], yt.astype(np.int64))


def _image_noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return cifar10.augmented(x, generator)


def _sound_noise(x: Tensor, generator: torch.Generator) -> Tensor:
    shift = int(torch.randint(-400, 400, (1,), generator=generator))
    loud = 0.5 + torch.rand(len(x), 1, 1, generator=generator)
    noise = 0.01 * torch.randn(x.shape, generator=generator)
    return torch.roll(x, shift, 2) * loud + noise


def _no_noise(x: Tensor, generator: torch.Generator) -> Tensor:
    return x


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network was trained: SGD with momentum, one-cycle rate, labels smoothed by 0.05."""

    epochs: int
    batch: int
    peak_rate: float
    weight_decay: float
    seed: int = 1


def _cifar(folder: Path) -> Dataset:
    return cifar10.load(folder / "cifar10_jpeg.npz")


CASES = {
    "mnist_cnn": Case(
        MnistCnn, lambda f: mnist(f / "mnist.npz"), _no_noise, Recipe(3, 128, 0.1, 1e-4)
    ),
    "spoken": Case(
        Spoken, lambda f: spoken(f / "fsdd.npz"), _sound_noise, Recipe(20, 64, 0.1, 1e-3)
    ),
    "resnet8": Case(ResNet8, _cifar, _image_noise, Recipe(2, 128, 0.02, 5e-4)),
    "mobilenetv2": Case(MobileNetV2, _cifar, _image_noise, Recipe(5, 128, 0.2, 1e-4)),
}


def fit(case: Case[Recipe], data: Dataset, kept: Path, start: nn.Module | None = None) -> nn.Module:
    """The network, from ``start`` if there is one, trained by its recipe; evaluation mode. The file
    ``kept`` gets its state each epoch."""
    recipe = case.recipe
    torch.manual_seed(recipe.seed)
    network = (start or case.make()).to(memory_format=torch.channels_last)
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    steps = len(images) // recipe.batch
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=recipe.peak_rate,
        momentum=0.9,
        weight_decay=recipe.weight_decay,
        nesterov=True,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=0.25
    )
    generator = torch.Generator().manual_seed(recipe.seed)
    for epoch in range(recipe.epochs):
        network.train()
        order, total, began = torch.randperm(len(images), generator=generator), 0.0, time.time()
        for k in range(steps):
            chosen = order[k * recipe.batch : (k + 1) * recipe.batch]
            loss = nn.functional.cross_entropy(
                network(case.noise(images[chosen], generator)), labels[chosen], label_smoothing=0.05
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
        took = time.time() - began
        torch.save(network.state_dict(), kept)
        print(
            f"epoch {epoch + 1}/{recipe.epochs}: loss {total / steps:.3f}, {took:.0f} s", flush=True
        )
    network.eval()
    return network


def main() -> None:
    """Trains the float networks and saves their states."""
    given = parser(main.__doc__, CASES)
    given.add_argument("--mlperf", type=Path, help="ic_resnet8_int8.tflite: where resnet8 starts")
    options = given.parse_args()

    def trained(name: str, data: Dataset) -> nn.Module:
        begun = None
        if name == "resnet8" and options.mlperf is not None:
            begun = from_mlperf(options.mlperf, torch.from_numpy(data.train_images[:1000]))
            print("from MLPerf Tiny's:", accuracy(begun, data.test_images, data.test_labels))
        return fit(CASES[name], data, options.out / f"{name}.pt", begun)

    train_all(CASES, options, trained)


if __name__ == "__main__":
    main()
