"""Short trainings, by which networks are compared before one of them is trained in full."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hwkit.files import write_json, write_whole
from hwkit.record import to_json
from hwkit.train.data import Dataset, data_digest, data_of, held_out
from hwkit.train.fit import Progress, TrainingDiverged, predict, silent
from hwkit.train.pipeline import (
    accuracy_of,
    deterministic,
    train,
    train_float,
    train_quantized,
    versions,
)
from hwkit.train.recipe import Phase, Recipe, recipe_text


def made_of(recipe: Recipe) -> dict[str, Any]:
    """Plain JSON that changes with all that decides a training of ``recipe``, its name aside."""
    plain = to_json(replace(recipe, name="", dataset=data_digest(recipe)))
    return {"recipe": plain, "versions": versions()}


def short(recipe: Recipe, share: float, out: Path, progress: Progress = silent) -> None:
    """Trains by ``share`` (above 0, at most 1) of the recipe's epochs on the training samples that
    are not held out, and writes to ``rung.json`` the accuracy of the fake-quantized network on
    those that are: 0 where training diverges."""
    data = held_out(data_of(recipe))
    (floats, first), (qat, rest) = (
        shortened(phase, share, data) for phase in (recipe.float_training, recipe.qat)
    )
    scaled = replace(recipe, float_training=floats, qat=qat)
    with deterministic(recipe.seed):
        try:
            state, before = train_float(scaled, first, progress)
            network, _ = train_quantized(scaled, rest, state, {}, {}, progress)
            outputs = predict(network, torch.from_numpy(data.test_images)).numpy()
            accuracy = accuracy_of(outputs, data.test_labels)
        except TrainingDiverged:
            before = accuracy = 0.0
    write_json(out / "rung.json", {"accuracy": accuracy, "float_accuracy": before})


def shortened(phase: Phase, share: float, data: Dataset) -> tuple[Phase, Dataset]:
    """``phase`` with ``share`` of its epochs, rounded; where that is less than one, one epoch over
    so much fewer samples, evenly spread."""
    epochs = phase.epochs * share
    if epochs >= 1 or phase.epochs == 0:
        return replace(phase, epochs=round(epochs)), data
    count = max(phase.batch_size, round(epochs * len(data.train_labels)))
    chosen = np.unique(np.linspace(0, len(data.train_labels) - 1, count).astype(int))
    images, labels = data.train_images[chosen], data.train_labels[chosen]
    return replace(phase, epochs=1), replace(data, train_images=images, train_labels=labels)


def full(recipe: Recipe, out: Path, progress: Progress = silent) -> None:
    """Trains all of the recipe's epochs on the samples that are not held out, into the run folder
    ``out``; those that are stand for its test set, and ``rung.json`` has the accuracy of the
    integers on them. Where training diverges that is 0, and all that there is."""
    write_whole(out / "recipe.toml", recipe_text(recipe).encode())
    data = held_out(data_of(recipe))
    try:
        accuracy = train(out / "recipe.toml", out, progress=progress, data=data).accuracy.integer
    except TrainingDiverged:
        accuracy = 0.0
    write_json(out / "rung.json", {"accuracy": accuracy})
