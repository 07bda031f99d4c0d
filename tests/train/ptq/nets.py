"""Small float networks for the tests of quantization."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """(N, 3, 8, 8) to 5 classes: batch norms, a depthwise layer, a sum, a mean over the map."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU6(inplace=True)
        self.fc = nn.Linear(8, 5)
        nn.init.uniform_(self.norm.weight, 0.5, 1.5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn(self.conv(x)))
        y = self.norm(self.depthwise(x))
        x = torch.relu(x + y)
        return self.fc(nn.functional.dropout(x.mean([2, 3]), 0.5, self.training))


def residual() -> Residual:
    """The network with the same weights every time, its norms' statistics from noise."""
    torch.manual_seed(1)
    network = Residual()
    for _ in range(10):
        network(torch.randn(32, 3, 8, 8))
    return network.eval()


def narrow() -> nn.Module:
    """(N, 6) to 3: dense layers alone."""
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3)).eval()


def dilated_pool() -> nn.Module:
    """(N, 2, 6, 6) through a pool that can be quantized, but not imported."""
    torch.manual_seed(3)
    pool = nn.MaxPool2d(2, 1, dilation=2)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), pool, nn.Conv2d(4, 2, 1)).eval()


def noise(*shape: int) -> Tensor:
    """The same samples every time."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3))


def given() -> Tensor:
    """Samples for ``residual``, as a function of no arguments gives them."""
    return noise(16, 3, 8, 8)


def labelled() -> tuple[Tensor, Tensor]:
    """The same with what the float network says they are."""
    return given(), residual()(given()).argmax(1)


def no_network() -> str:
    return "a network"
