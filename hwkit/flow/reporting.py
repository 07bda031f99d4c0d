"""The report of a run."""

from __future__ import annotations

from pathlib import Path

from hwkit.errors import ConfigError
from hwkit.report import summary
from hwkit.report.page import write_report
from hwkit.report.quantized import write_quantized


def report(run: Path, out: Path) -> None:
    """Writes the HTML report of ``run/summary.json`` to ``out``, or of the ``train.json`` that
    ``hwkit quantize`` left there."""
    path = run / "summary.json"
    if not path.is_file() and (run / "train.json").is_file():
        write_quantized(run / "train.json", out)
        return
    if not path.is_file():
        raise ConfigError(f"{path}: no such file; 'hwkit demo -o {run}' makes one")
    write_report(summary.load(path), out)
