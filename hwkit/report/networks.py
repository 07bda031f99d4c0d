"""The networks: for each model the picture of its graph beside the table of its layers."""

from __future__ import annotations

from collections.abc import Sequence

from hwkit.report.elements import Column, chip, details, facts, section, table
from hwkit.report.markup import Child, Markup, tag
from hwkit.report.numbers import NONE, count
from hwkit.report.rails import edges, rail
from hwkit.report.summary import Layer, Model

MAX_DRAWN_LAYERS = 300
"""Beyond it the picture has dots and no edges: drawing grows with the square of the layers."""


def networks(models: Sequence[Model]) -> Markup | None:
    """One block for each model."""
    if not models:
        return None
    return section("networks", "Networks", *(_network(model) for model in models))


def _network(model: Model) -> Markup:
    known = [("Data", model.dataset), ("Recipe", model.recipe), ("Widths", model.bits)]
    macs = sum(layer.macs for layer in model.layers)
    return details(
        f"{model.name}: {len(model.layers)} layers, {count(macs)} MACs",
        facts([(name, value) for name, value in known if value]),
        _layers(model),
    )


def _layers(model: Model) -> Markup:
    layers = model.layers
    drawn = []
    if len(layers) <= MAX_DRAWN_LAYERS:
        drawn = edges([layer.name for layer in layers], [layer.inputs for layer in layers])
    columns = [
        Column("Layer"),
        Column("Op", minor=True),
        Column("Output", number=True),
        Column("Type", minor=True),
        Column("Weights", number=True),
        Column("MACs", number=True),
        Column("Weight bytes", number=True, minor=True),
    ]
    rows: list[list[Child]] = [
        [
            tag("div", rail(row, drawn, _reads(layer)), tag("span", layer.name), class_="node"),
            layer.op,
            "×".join(map(str, layer.output_shape)),  # noqa: RUF001
            layer.output_bits or NONE,
            NONE if layer.weight_bits is None else chip(f"{layer.weight_bits} bit", "plain"),
            count(layer.macs) if layer.macs else NONE,
            count(layer.weight_bytes) if layer.weight_bytes else NONE,
        ]
        for row, layer in enumerate(layers)
    ]
    macs, weights = sum(x.macs for x in layers), sum(x.weight_bytes for x in layers)
    foot = [f"{len(layers)} layers", "", "", "", "", count(macs), count(weights)]
    caption = f"Layers of {model.name} as frozen, with the graph's edges"
    return table(caption, columns, rows, foot, kind="graph")


def _reads(layer: Layer) -> str:
    return f"{layer.name} reads {', '.join(layer.inputs) or 'the input'}"
