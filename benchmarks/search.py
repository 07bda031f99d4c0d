"""A searched network against ResNet-8 on CIFAR-10: ``python -m benchmarks.search IMAGES.npz``.

For each seed ``hwkit search`` looks for a network for virtual_m4 that takes no more cycles than
ResNet-8 as measured there; both are then trained alike on all training images and measured on the
test set, which the search has not seen. ``minutes`` are of the search, the training of its winner
included, on however busy a machine; ``cpu_minutes`` of all its processes. IMAGES.npz as in
``benchmarks.cifar10``; with --keep, a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.cifar10 import BLOCKS, load
from benchmarks.csvfile import FOLDER, read, write
from hwkit.files import read_json
from hwkit.flow.search.networks import costs
from hwkit.flow.search.product import searched
from hwkit.flow.search.space import read_space
from hwkit.flow.training import train
from hwkit.flow.tuning.device import graph_of, on_board
from hwkit.flow.tuning.maps import inputs_of
from hwkit.flow.tuning.steps import opened
from hwkit.ir.types import Array
from hwkit.train.recipe import Phase, Quantization, Recipe, read_recipe, recipe_text

BOARD = "virtual_m4"
SPACE = Path(__file__).with_name("search_cifar10.toml")


@dataclass(frozen=True, slots=True)
class Effort:
    """Images and epochs that everything is trained with."""

    train: int
    test: int
    epochs: int
    qat: int


def phases(effort: Effort) -> tuple[Phase, Phase]:
    """Float and quantized training, the same for every network."""
    floats = Phase(effort.epochs, 64, 0.006, weight_decay=0.01, shift_pixels=2)
    return floats, Phase(effort.qat, 64, 0.0005)


def resnet8(effort: Effort, seed: int) -> Recipe:
    """As in MLPerf Tiny, 8 bits."""
    quantization = Quantization("float")
    return Recipe("resnet8", "cifar10.npz", seed, BLOCKS, quantization, *phases(effort))


def space_text(effort: Effort, seed: int) -> str:
    """The space of the file, with the same phases."""
    head, rest = SPACE.read_text().split("\n\n", 1)
    bare = recipe_text(resnet8(effort, seed))
    given = bare[bare.index("[quantization]") : bare.index("[[blocks]]")]
    return f"{head}\nseed = {seed}\n\n{given}\n{rest}"


def write_images(source: Path, effort: Effort, out: Path) -> None:
    """The first images as a data set of recipes."""
    data = load(source, effort.train, effort.test)

    def bytes_of(images: Array) -> Array:
        found: Array = np.rint(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)
        return found

    np.savez(
        out,
        train_images=bytes_of(data.train_images),
        train_labels=data.train_labels,
        test_images=bytes_of(data.test_images),
        test_labels=data.test_labels,
    )


def rows_of(seed: int, effort: Effort, folder: Path, jobs: int) -> list[dict[str, Any]]:
    """The found network and ResNet-8."""
    (folder / "resnet8.toml").write_text(recipe_text(resnet8(effort, seed)))
    (folder / "space.toml").write_text(space_text(effort, seed))
    by_hand = read_recipe(folder / "resnet8.toml")
    with opened(folder / f"by_hand{seed}") as steps:
        limit = costs(steps, by_hand, BOARD).figures["latency_cycles"]
    start, cpu = time.monotonic(), _cpu_seconds()
    found = searched(
        read_space(folder / "space.toml"), BOARD, f"latency={limit:.0f}cycles",
        folder / f"found{seed}", lambda line: print(line, flush=True), jobs=jobs,
    )  # fmt: skip
    minutes, cpu = (time.monotonic() - start) / 60, (_cpu_seconds() - cpu) / 60
    facts, winner = found.facts, found.facts["winner"]
    common = {
        "board": BOARD, "seed": seed, "train_images": effort.train, "test_images": effort.test,
        "epochs": f"{effort.epochs} + {effort.qat}",
    }  # fmt: skip
    looked = {
        "measured": len(facts["networks"]), "dismissed": facts["dismissed"],
        "minutes": f"{minutes:.1f}", "cpu_minutes": f"{cpu:.1f}", "evidence": facts["evidence"],
    }  # fmt: skip
    first = {**common, "network": "found", **_figures(winner["accuracy"], winner["figures"])}
    with opened(folder / f"by_hand{seed}") as steps:
        run = steps.done(
            "train", recipe_text(by_hand), lambda out: _train(folder / "resnet8.toml", out)
        )
        other = on_board(steps, graph_of(run), BOARD, inputs_of(run))
    accuracy = read_json(run / "train.json")["accuracy"]["integer"]
    second = {**common, "network": "ResNet-8", **_figures(accuracy, other.figures)}
    return [first | looked, second | dict.fromkeys(looked, "") | {"evidence": facts["evidence"]}]


def _train(recipe: Path, out: Path) -> None:
    train(recipe, out, None, lambda line: None, widths=())


def _figures(accuracy: float, figures: dict[str, float]) -> dict[str, Any]:
    return {
        "accuracy": f"{100 * accuracy:.2f}",
        "cycles": round(figures["latency_cycles"]),
        "flash_bytes": round(figures["flash_bytes"]),
        "sram_bytes": round(figures["sram_bytes"]),
    }


def _cpu_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(os.times()[:4])


def main() -> None:
    """Writes results/search.csv; rows of other seeds and efforts stay."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("images", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--train", type=int, default=20_000)
    parser.add_argument("--test", type=int, default=5_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--qat", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    effort = Effort(options.train, options.test, options.epochs, options.qat)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        write_images(options.images, effort, folder / "cifar10.npz")
        rows = [
            row for seed in options.seeds for row in rows_of(seed, effort, folder, options.jobs)
        ]
    print(*rows, sep="\n", flush=True)
    made = {(str(row["seed"]), str(row["train_images"])) for row in rows}
    old = read("search") if (FOLDER / "search.csv").exists() else []
    write("search", [*(o for o in old if (o["seed"], o["train_images"]) not in made), *rows])


if __name__ == "__main__":
    main()
