"""ResNet-8 trained here on CIFAR-10, then trained on at the widths that QuantMCU's search finds:

python -m benchmarks.cifar10 cifar10_jpeg.npz -o float.pt --epochs 6
python -m benchmarks.trained_at_plan cifar10_jpeg.npz float.pt
python -m benchmarks.trained_at_plan cifar10_jpeg.npz float.pt --only plan_trained --round 2

``benchmarks/weights/quantmcu`` gets two integer graphs, compressed: ``eight``, the float network
rounded to 8 bits, and ``plan_trained``, the plan's widths, trained on from there. ``training.json``
keeps recipe, plan, losses, digests and versions. ``--only eight_trained`` trains 8 bits on by the
same recipe. The plan is that of ``hwkit narrow`` on ``eight`` without its last step: a part of the
BitOPs and of the fewest bytes that it runs in. ``benchmarks.quantmcu`` measures them.
"""

from __future__ import annotations

import argparse
import json
import lzma
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import cifar10
from benchmarks.images import as_integers
from benchmarks.leanest import least_bytes
from hwkit.flow.narrowing import Limits, narrow
from hwkit.ir.graph import Graph
from hwkit.ir.ops import Conv2d, Dense, Requantize
from hwkit.ir.serialize import digest, from_bytes, to_bytes
from hwkit.train.data import Dataset
from hwkit.train.freeze import freeze
from hwkit.train.networks import Network, float_network, folded_state
from hwkit.train.pipeline import versions
from hwkit.train.recipe import Quantization
from hwkit.train.steps import fit_steps, set_clips
from hwkit.train.twins import quantized_network, start

FOLDER = Path(__file__).parent / "weights" / "quantmcu"
BOARD = "virtual_m4"
FEWER_BITOPS = 2.2
FEWER_BYTES = 1.5
CALIBRATION = 256
_CHANNELS_LAST = {"memory_format": torch.channels_last}


@dataclass(frozen=True, slots=True)
class Recipe:
    """AdamW, one-cycle rate; a round takes the next ``images`` of the training set. The loss is
    cross entropy and, with ``teacher`` of the weight, the divergence from the float network's
    answers at ``temperature`` (quantized distillation, arXiv 1802.05668). Steps of activations are
    learned with the weights. ``seed`` is the round's number."""

    images: int = 16_000
    epochs: int = 1
    batch: int = 64
    peak_rate: float = 1e-3
    teacher: float = 0.7
    temperature: float = 3.0
    collected: int = 24
    seed: int = 1


def quantized(
    state: Mapping[str, Tensor],
    teacher: nn.Module,
    maps: Mapping[str, int],
    data: Dataset,
    before: Graph | None,
) -> Network:
    """The Brevitas twin at ``maps``, its scales from the training images, or weights and scales
    those of the graph of the round ``before``; ready to train."""
    state = state if before is None else weights_of(before)
    recipe = replace(cifar10.recipe(), quantization=Quantization("float"))
    network, layers = quantized_network(recipe, cifar10.SHAPE, {}, maps)
    images = torch.from_numpy(data.train_images)
    start(recipe, network, layers, state, images[:1])
    network.train()
    with torch.no_grad():
        for batch in images[: Recipe().collected * 64].split(64):
            network(batch)
    if before is None:
        fit_steps(network, teacher, maps, images[:CALIBRATION])
    else:
        modules = dict(network.named_modules())  # importers may rescale in two steps
        set_clips(network, {k: v for k, v in clips_of(before).items() if k in modules})
    network.eval()
    return network


def weights_of(graph: Graph) -> dict[str, Tensor]:
    """Weights and biases of a frozen network as reals, by module path."""
    state: dict[str, Tensor] = {}
    for op in graph.nodes:
        if isinstance(op, Conv2d | Dense):
            assert op.bias is not None
            sums, given = (np.array(_scale(graph, name)) for name in (op.output, op.input))
            weight = graph.constants[op.weight].astype(np.float64)
            steps = (sums / given).reshape(-1, *[1] * (weight.ndim - 1))
            real = np.moveaxis(weight * steps, -1, 1)  # (O, H, W, I) to (O, I, H, W)
            state[f"{op.name}.weight"] = torch.from_numpy(real.copy()).float()
            state[f"{op.name}.bias"] = torch.from_numpy(graph.constants[op.bias] * sums).float()
    return state


def clips_of(graph: Graph) -> dict[str, float]:
    """Where a frozen network cuts its activations, by module path, as Brevitas counts."""
    found = {}
    for op in graph.nodes:
        if isinstance(op, Requantize):
            dtype = graph.tensors[op.output].dtype
            found[op.name] = _scale(graph, op.output)[0] * max(-dtype.low, dtype.high)
    return found


def _scale(graph: Graph, name: str) -> tuple[float, ...]:
    facts = graph.tensors[name].quantization
    assert facts is not None
    return facts.scale


def train(
    network: Network, teacher: nn.Module, data: Dataset, recipe: Recipe, said: Callable[[str], None]
) -> list[float]:
    """Trains in place; the mean loss of each epoch."""
    torch.manual_seed(recipe.seed)
    generator = torch.Generator().manual_seed(recipe.seed)
    images, labels = torch.from_numpy(data.train_images), torch.from_numpy(data.train_labels)
    steps = len(images) // recipe.batch
    network.to(**_CHANNELS_LAST).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=recipe.peak_rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=recipe.peak_rate, total_steps=recipe.epochs * steps, pct_start=0.15
    )
    losses = []
    for epoch in range(recipe.epochs):
        order, total = torch.randperm(len(images), generator=generator), 0.0
        for k in range(steps):
            chosen = order[k * recipe.batch : (k + 1) * recipe.batch]
            x = cifar10.augmented(images[chosen], generator).contiguous(**_CHANNELS_LAST)
            with torch.no_grad():
                wanted = teacher(x)
            loss = _loss(network(x), wanted, labels[chosen], recipe)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
            if k % 20 == 19:
                said(f"epoch {epoch + 1}, step {k + 1}/{steps}: loss {total / (k + 1):.3f}")
        losses.append(round(total / steps, 4))
    network.eval()
    return losses


def _loss(given: Tensor, wanted: Tensor, labels: Tensor, recipe: Recipe) -> Tensor:
    t = recipe.temperature
    ours, theirs = (nn.functional.log_softmax(v / t, 1) for v in (given, wanted))
    apart = nn.functional.kl_div(ours, theirs, reduction="batchmean", log_target=True) * t * t
    return (1 - recipe.teacher) * nn.functional.cross_entropy(given, labels) + (
        recipe.teacher * apart
    )


def limits(eight: Graph) -> Limits:
    """What a plan has to hold against ``eight`` in patches."""
    room = int(least_bytes(eight, BOARD) / FEWER_BYTES)
    return Limits(bitops=1 / FEWER_BITOPS, board=BOARD, sram=f"{room}B")


def planned(eight: Graph, data: Dataset) -> dict[str, int]:
    """Widths by map that hold both limits on what ``eight`` shows of the training images."""
    feeds = {eight.inputs[0]: as_integers(eight, data.train_images[:CALIBRATION])}
    found = narrow(eight, feeds, limits(eight), give_back=False)
    return {m.name: int(m.after[1:]) for m in found.maps if m.after != m.before}


def kept(name: str) -> Graph:
    """A graph in ``FOLDER``."""
    return from_bytes(lzma.decompress((FOLDER / f"{name}.hwk.xz").read_bytes()), name)


def plan_kept() -> dict[str, int]:
    """The widths by map that ``plan_trained`` was trained at."""
    facts = json.loads((FOLDER / "training.json").read_text())
    return dict(facts["plan_trained"]["activation_bits"])


def main() -> None:
    """Trains what is asked for and keeps it."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("floats", type=Path)
    parser.add_argument("--plan", type=Path, help="the widths by map, if they are known, as JSON")
    parser.add_argument("--round", type=int, default=1, help="above 1: goes on from the last")
    parser.add_argument("--only", nargs="*", choices=("eight", "eight_trained", "plan_trained"))
    options = parser.parse_args()
    data = cifar10.load(options.images, Recipe().images * options.round, 0)
    data = replace(
        data,
        train_images=data.train_images[-Recipe().images :],
        train_labels=data.train_labels[-Recipe().images :],
    )
    teacher = float_network(cifar10.recipe(), cifar10.SHAPE)
    teacher.load_state_dict(torch.load(options.floats, weights_only=True))
    state = folded_state(teacher.eval())
    teacher.to(**_CHANNELS_LAST)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in options.only or ("eight", "plan_trained"):
        begun, facts = time.time(), dict[str, Any]()
        maps: dict[str, int] = {}
        if name == "plan_trained":
            known = options.plan and json.loads(options.plan.read_text())
            maps = facts["activation_bits"] = known or planned(kept("eight"), data)
            print(name, maps, flush=True)
        before = kept(name) if options.round > 1 else None
        network = quantized(state, teacher, maps, data, before)
        if name != "eight":
            recipe = Recipe(seed=options.round)
            facts["recipe"] = asdict(recipe)

            def said(line: str, name: str = name) -> None:
                print(time.strftime("%X"), name, line, flush=True)

            facts["losses"] = train(network, teacher, data, recipe, said)
        graph = freeze(network, torch.from_numpy(data.train_images[:1]))
        (FOLDER / f"{name}.hwk.xz").write_bytes(lzma.compress(to_bytes(graph), preset=9))
        facts |= {"digest": digest(graph), "seconds": round(time.time() - begun)}
        _keep(name, facts)


def _keep(name: str, facts: dict[str, Any]) -> None:
    path = FOLDER / "training.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    if facts.get("recipe", {}).get("seed", 1) > 1:
        facts["before"] = known[name]
    known[name], known["versions"] = facts, versions()
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
