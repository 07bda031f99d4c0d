"""First step sizes for narrow activations of a Brevitas network, before training learns them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

_SHARES = tuple(2.0 ** (-k / 4) for k in range(17))
"""Of the range that reaches the largest value: from all of it down to a sixteenth."""


def fit_steps(network: nn.Module, twin: nn.Module, maps: Mapping[str, int], images: Tensor) -> None:
    """Sets the step of each activation in ``maps`` (bits by module path) to the one with the least
    squared error over what the float ``twin`` makes of ``images`` (N, C, H, W).

    Brevitas begins with the largest value that it saw, which at 2 bits leaves most values at 0.
    Its own statistics have to be taken before.
    """
    seen: dict[str, Tensor] = {}
    hooks = [twin.get_submodule(path).register_forward_hook(_keeping(seen, path)) for path in maps]
    with torch.no_grad():
        twin(images)
    for hook in hooks:
        hook.remove()
    signed = {path: bool(network.get_submodule(path).act_quant.is_signed) for path in maps}
    set_clips(network, {p: best_clip(seen[p], bits, signed[p]) for p, bits in maps.items()})


def set_clips(network: nn.Module, clips: Mapping[str, float]) -> None:
    """Sets where activations are cut, by module path, as ``best_clip`` counts: the step is that
    over the number of levels on the longer side of 0. Brevitas has to have taken its statistics."""
    with torch.no_grad():
        for path, clip in clips.items():
            quantizer = network.get_submodule(path).act_quant.fused_activation_quant_proxy
            quantizer.tensor_quant.scaling_impl.value.fill_(clip)


def best_clip(values: Tensor, bits: int, signed: bool) -> float:
    """Where to cut ``values`` for the least squared error at ``bits`` bits, in their own unit.

    Levels are 0..2**bits - 1 steps, or -2**(bits - 1)..2**(bits - 1) - 1 if ``signed``. Example:
    1, 1, 1, 1.5 at 1 bit, unsigned: steps of 1.06 (1.5 / 2**0.5).
    """
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    count = max(-low, high)
    largest = float(values.abs().max()) * count / high  # so that the largest is a level

    def error(share: float) -> float:
        step = max(share * largest / count, 1e-12)
        return float(((values / step).round().clamp(low, high) * step - values).square().sum())

    return max(min(_SHARES, key=error) * largest, 1e-12)


def _keeping(
    seen: dict[str, Tensor], path: str
) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
    def hook(module: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        seen[path] = made

    return hook
