"""Float networks that a script trains and keeps: its cases, its options, its files."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn

from hwkit.ir.types import Array
from hwkit.train.data import Dataset

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Case(Generic[R]):
    """A network, its data, what is done to a batch of it, and its training."""

    make: Callable[[], nn.Module]
    data: Callable[[Path], Dataset]
    noise: Callable[[Tensor, torch.Generator], Tensor]
    recipe: R


def parser(description: str | None, cases: Mapping[str, object]) -> argparse.ArgumentParser:
    """DATA -o FLOATS [--only NAME ...]."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("data", type=Path)
    made.add_argument("-o", "--out", type=Path, required=True)
    made.add_argument("--only", nargs="*", choices=list(cases), default=list(cases))
    return made


def train_all(
    cases: Mapping[str, Case[Any]],
    options: argparse.Namespace,
    fit: Callable[[str, Dataset], nn.Module],
) -> None:
    """Trains the cases asked for by ``fit``, and keeps NAME.pt, a state dict, and NAME.json
    with the recipe, the accuracy on the test set and the seconds."""
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        start, data = time.time(), cases[name].data(options.data)
        network = fit(name, data)
        facts = {
            "recipe": asdict(cases[name].recipe),
            "accuracy": accuracy(network, data.test_images, data.test_labels),
            "seconds": round(time.time() - start),
        }
        torch.save(network.state_dict(), options.out / f"{name}.pt")
        (options.out / f"{name}.json").write_text(json.dumps(facts) + "\n")
        print(name, facts, flush=True)


def accuracy(network: nn.Module, images: Array, labels: Array) -> float:
    """Share of right answers in evaluation mode."""
    with torch.no_grad():
        parts = [network(x).argmax(1) for x in torch.from_numpy(images).split(500)]
    return float((torch.cat(parts).numpy() == labels).mean())
