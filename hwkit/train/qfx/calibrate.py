"""Binary points from data: where training starts, and all that post-training rounding has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwkit.train.qfx.cast import Cast
from hwkit.train.qfx.layers import QfxBatchNorm


def calibrate(network: nn.Module, batch: Tensor) -> None:
    """Sets every binary point of ``network`` to the one of least squared error, layer by layer on
    what the layers before give for ``batch`` (N, ...), weights included.

    Batch norms take the batch's statistics, and gains and offsets that leave their function as it
    is. The network is evaluated, not trained.
    """
    observers = [m for m in network.modules() if isinstance(m, Cast | QfxBatchNorm)]
    training = network.training
    network.eval()
    try:
        for observer in observers:
            observer.observing = True
        with torch.no_grad():
            network(batch)
    finally:
        for observer in observers:
            observer.observing = False
        network.train(training)
