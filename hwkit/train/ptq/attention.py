"""Attention of PyTorch's own layers, written out as the layers that the quantizer knows.

``nn.MultiheadAttention`` and ``nn.TransformerEncoderLayer`` compute inside one function; here are
modules of the same weights whose products, softmax and sums are apart, so that each gets its
quantizer.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from hwkit.train.ptq.standard import NotHandled


class Attention(nn.Module):
    """``nn.MultiheadAttention`` without masks: tokens (N, T, width) of query, key and value."""

    def __init__(self, layer: nn.MultiheadAttention) -> None:
        super().__init__()
        if not layer.batch_first:
            raise NotHandled("use nn.MultiheadAttention with batch_first=True")
        if layer.bias_k is not None or layer.add_zero_attn:
            raise NotHandled("use nn.MultiheadAttention without add_bias_kv and add_zero_attn")
        self.heads = layer.num_heads
        weights = (
            (layer.q_proj_weight, layer.k_proj_weight, layer.v_proj_weight)
            if layer.in_proj_weight is None
            else layer.in_proj_weight.chunk(3)
        )
        biases = [None] * 3 if layer.in_proj_bias is None else layer.in_proj_bias.chunk(3)
        self.query, self.key, self.value = map(_linear, weights, biases)
        self.out = _linear(layer.out_proj.weight, layer.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, None]:
        if key_padding_mask is not None or attn_mask is not None or is_causal:
            raise NotHandled("attention without a mask")
        width = self.query.out_features
        sizes = (self.heads, width // self.heads)
        q, k, v = (
            of(x).unflatten(2, sizes).transpose(1, 2)
            for of, x in ((self.query, query), (self.key, key), (self.value, value))
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2)), None


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    with torch.no_grad():
        layer.weight.copy_(weight)
        if bias is not None:
            layer.bias.copy_(bias)
    return layer


class EncoderLayer(nn.Module):
    """``nn.TransformerEncoderLayer`` without masks."""

    def __init__(self, layer: nn.TransformerEncoderLayer) -> None:
        super().__init__()
        self.attention = Attention(layer.self_attn)
        self.norm1, self.norm2 = layer.norm1, layer.norm2
        self.linear1, self.linear2 = layer.linear1, layer.linear2
        self.norm_first = layer.norm_first
        self.activation: Callable[[Tensor], Tensor] = layer.activation

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.attended(self.norm1(x))
            return x + self.dense(self.norm2(x))
        x = self.norm1(x + self.attended(x))
        return self.norm2(x + self.dense(x))

    def attended(self, x: Tensor) -> Tensor:
        """Self-attention."""
        mixed: Tensor = self.attention(x, x, x)[0]
        return mixed

    def dense(self, x: Tensor) -> Tensor:
        """The two dense layers."""
        y: Tensor = self.linear2(self.activation(self.linear1(x)))
        return y


def written_out(module: nn.Module) -> nn.Module:
    """``module``, itself or all of its layers replaced where they are attention of PyTorch's own.

    Raises ``NotHandled`` for options that have no form.
    """
    match module:
        case nn.TransformerEncoder():
            layers = [written_out(copy.deepcopy(layer)) for layer in module.layers]
            return nn.Sequential(*layers, *([] if module.norm is None else [module.norm]))
        case nn.TransformerEncoderLayer():
            return EncoderLayer(module)
        case nn.MultiheadAttention():
            return Attention(module)
    for name, child in list(module.named_children()):
        new = written_out(child)
        if new is not child:
            setattr(module, name, new)
    return module
