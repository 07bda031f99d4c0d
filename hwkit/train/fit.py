"""One training phase: seeded, the same result every time on the same machine and versions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from hwkit.errors import HwkitError
from hwkit.train.recipe import Phase

Progress = Callable[[str, int, int], None]
"""Called with the phase's name, epochs done and epochs in all."""


_FRACTION_PACE = 1.0
"""Learning rate of binary points, in terms of the weights': faster ones cost more in steps back and
forth than they find."""


class TrainingDiverged(HwkitError):
    """The loss became NaN or infinite."""


def silent(phase: str, done: int, total: int) -> None:
    """A ``Progress`` that shows nothing."""


def fit(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    phase: Phase,
    seed: int,
    title: str,
    progress: Progress = silent,
) -> None:
    """Trains ``network`` in place on images (N, 1, H, W) and labels (N,), cross entropy.

    Raises ``TrainingDiverged`` when the loss is no finite number.
    """
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(
        _groups(network), lr=phase.learning_rate, weight_decay=phase.weight_decay
    )
    batches = max(1, len(images) // phase.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer,
        max_lr=[phase.learning_rate * group["pace"] for group in optimizer.param_groups],
        total_steps=max(1, phase.epochs * batches),
    )
    network.train()
    for epoch in range(phase.epochs):
        shuffled = torch.randperm(len(images), generator=generator)
        for k in range(batches):
            chosen = shuffled[k * phase.batch_size : (k + 1) * phase.batch_size]
            x = shifted(images[chosen], phase.shift_pixels, generator)
            loss = nn.functional.cross_entropy(network(x), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if not bool(torch.isfinite(loss)):
            raise TrainingDiverged(
                f"{title}: the loss is {loss.item()} after epoch {epoch + 1}; lower learning_rate"
            )
        progress(title, epoch + 1, phase.epochs)
    network.eval()


def _groups(network: nn.Module) -> list[dict[str, Any]]:
    """Binary points apart from the rest: they move in whole digits, and nothing pulls them to 0."""
    named = list(network.named_parameters())
    points = [p for name, p in named if name.endswith(".fraction")]
    rest: dict[str, Any] = {
        "params": [p for name, p in named if not name.endswith(".fraction")],
        "pace": 1.0,
    }
    if not points:
        return [rest]
    return [rest, {"params": points, "pace": _FRACTION_PACE, "weight_decay": 0.0}]


def shifted(images: Tensor, pixels: int, generator: torch.Generator) -> Tensor:
    """Each image (N, C, H, W) moved by up to ``pixels`` in each direction, zeros moved in."""
    if pixels == 0:
        return images
    count, _, height, width = images.shape
    padded = nn.functional.pad(images, (pixels,) * 4)
    moves = torch.randint(0, 2 * pixels + 1, (2, count), generator=generator)
    rows = (moves[0, :, None] + torch.arange(height))[:, None, :, None]
    columns = (moves[1, :, None] + torch.arange(width))[:, None, None, :]
    index = torch.arange(count)[:, None, None, None]
    channels = torch.arange(images.shape[1])[None, :, None, None]
    return padded[index, channels, rows, columns]


def predict(network: nn.Module, images: Tensor, batch_size: int = 256) -> Tensor:
    """Outputs of ``network`` in evaluation mode for images (N, ...), batch by batch."""
    network.eval()
    with torch.no_grad():
        outputs = [network(part) for part in images.split(batch_size)]
    # A Brevitas model may return a QuantTensor, which has the values as a field.
    return torch.cat([getattr(output, "value", output) for output in outputs])
