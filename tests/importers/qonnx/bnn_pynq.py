"""The networks that FINN's users begin with, as Brevitas' own examples define them."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path
from typing import Any

import torch
from brevitas.export import export_qonnx
from torch import nn


def network(name: str, seed: int = 0) -> nn.Module:
    """``tfc_1w1a``, ``sfc_1w2a``, ``lfc_1w1a`` or ``cnv_2w2a`` with seeded weights, and with
    statistics in its norms that use all of the quantizers behind them."""
    import brevitas_examples.bnn_pynq
    from brevitas_examples.bnn_pynq.models.CNV import cnv
    from brevitas_examples.bnn_pynq.models.FC import fc
    from brevitas_examples.bnn_pynq.models.tensor_norm import TensorNorm

    configuration = ConfigParser()
    folder = Path(brevitas_examples.bnn_pynq.__file__).parent
    assert configuration.read(folder / "cfg" / f"{name}.ini")
    torch.manual_seed(seed)
    made: nn.Module = (cnv if name.startswith("cnv") else fc)(configuration).eval()
    for module in made.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | TensorNorm):
            norm: Any = module
            size = norm.running_mean.shape
            norm.running_mean = torch.randn(size) * 8
            norm.running_var = torch.rand(size) * 300 + 20
            norm.weight.data = torch.rand(size) * 2 - 0.5
            norm.bias.data = torch.randn(size) * 0.5
    return made


def exported(name: str, path: Path, seed: int = 0) -> Path:
    """The network as a QONNX file."""
    image = torch.rand(1, 3, 32, 32) if name.startswith("cnv") else torch.rand(1, 1, 28, 28)
    export_qonnx(network(name, seed), image, export_path=str(path))
    return path
