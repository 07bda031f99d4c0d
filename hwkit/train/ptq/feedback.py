"""Rounding that hands each weight's error on to those not rounded yet: GPTQ and GPFQ, by Brevitas.

GPTQ (Frantar et al. 2210.17323) by the inverse Hessian of a layer's inputs; GPFQ (Lybrand and Saab
2010.11258) along the inputs themselves, those of the quantized network beside the float one's.
"""

from __future__ import annotations

import torch
from brevitas.graph.gpfq import gpfq_mode
from brevitas.graph.gptq import gptq_mode
from torch import Tensor

from hwkit.train.ptq.trace import Network, weighted

_BATCH = 64


def with_feedback(network: Network, quantized: Network, x: Tensor, way: str) -> None:
    """Rounds the weights of ``network`` into its twin ``quantized`` by ``way``, ``gptq`` or
    ``gpfq``; the scales stay."""
    with torch.no_grad():
        for path, layer in weighted(quantized).items():
            layer.weight.copy_(network.get_submodule(path).weight)
    mode = gptq_mode if way == "gptq" else gpfq_mode
    with torch.no_grad(), mode(quantized) as run:
        for _ in range(run.num_layers):
            for batch in x.split(_BATCH):
                run.model(batch)
            run.update()
    for layer in weighted(quantized).values():
        if hasattr(layer, "weight_orig"):  # Brevitas' copy, which would stay in the state
            del layer.weight_orig
    _on_grid(quantized)


def _on_grid(quantized: Network) -> None:
    with torch.no_grad():
        for layer in weighted(quantized).values():
            layer.weight.copy_(layer.quant_weight().value)
