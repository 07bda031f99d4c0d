"""The report of a quantization after training: what each step bought and what each layer costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hwkit.errors import FormatError
from hwkit.files import read_json, write_whole
from hwkit.formats import unstamped
from hwkit.report.elements import Column, section, table
from hwkit.report.markup import Markup
from hwkit.report.numbers import percent
from hwkit.report.page import document

_NUMBERS = ("here", "weights", "values")


def write_quantized(path: Path, out: Path) -> None:
    """Writes the report of the ``train.json`` at ``path``, which ``hwkit quantize`` left, to
    ``out``. ``FormatError`` for one without steps and layers."""
    facts = unstamped("train.json", read_json(path), str(path))
    try:
        page = render(facts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FormatError(
            f"{path}: no report of a quantization ({type(error).__name__} {error}); make it again "
            "with 'hwkit quantize', or give a run of 'hwkit demo'"
        ) from error
    write_whole(out, page.encode())


def render(facts: Mapping[str, Any]) -> str:
    """The page as text."""
    title = f"{facts['recipe']}: quantized after training"
    line = f"{facts['output_db']:.1f} dB of signal to noise at the output"
    return document(title, line, [_accuracy(facts), _steps(facts), _layers(facts)])


def _accuracy(facts: Mapping[str, Any]) -> Markup | None:
    if not facts["accuracy_on"]:
        return None
    names = ("float", "fake_quantized", "integer")
    rows = [[name.replace("_", "-"), percent(facts["accuracy"][name], 2)] for name in names]
    caption = f"on {facts['test_images']} samples ({facts['accuracy_on']})"
    return section(
        "accuracy", "Accuracy", table(caption, (Column("network"), Column("accuracy", True)), rows)
    )


def _steps(facts: Mapping[str, Any]) -> Markup:
    columns = (Column("step"), Column("dB", True), Column("kept"))
    rows = [
        [str(step["name"]), f"{step['output_db']:.1f}", "yes" if step["kept"] else "no"]
        for step in facts["steps"]
    ]
    caption = "Signal to noise at the output, on calibration samples, behind each step"
    return section("steps", "Steps", table(caption, columns, rows))


def _layers(facts: Mapping[str, Any]) -> Markup:
    columns = (
        Column("layer"), Column("kind", minor=True), Column("weights", True),
        Column("values", True), Column("here, dB", True), Column("weights alone, dB", True),
        Column("values alone, dB", True), Column("what to do"),
    )  # fmt: skip
    rows = [
        [
            str(row["name"]),
            str(row["kind"]),
            str(row["weight_bits"] or "-"),
            str(row["value_bits"]),
            *("-" if row[key] is None else f"{row[key]:.1f}" for key in _NUMBERS),
            str(row["advice"]),
        ]
        for row in facts["layers"]
    ]
    caption = (
        "Signal to noise: behind the layer in the quantized network, and at the network's output "
        "with nothing but this layer's weights or values quantized"
    )
    return section("layers", "Layers", table(caption, columns, rows))
