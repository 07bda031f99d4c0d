"""The worked example of ``docs/tune.md``, as it stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")

from hwkit.cli import _run
from hwkit.report import summary

PAGE = Path(__file__).parents[3] / "docs" / "tune.md"


def test_the_worked_example(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, shell = (
        re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
        for kind in ("toml", "sh")
    )
    (tmp_path / "wide.toml").write_text(recipe)
    monkeypatch.chdir(tmp_path)
    for line in shell.strip().splitlines():
        assert _run(shlex.split(line)[1:]) == 0, line
    told = capsys.readouterr().out
    shown = re.findall(r"^(plan 1|all \d bits) .* (holds|does not hold)$", told, re.MULTILINE)
    page = re.findall(
        r"^(plan 1|all \d bits) .* (holds|does not hold)$", PAGE.read_text(), re.MULTILINE
    )
    assert shown == page and len(page) == 4
    found = summary.load(tmp_path / "run" / "summary.json").tuning
    assert found is not None
    plan, wide = found.tried[0], found.tried[1]
    assert plan.state.flash_bytes is not None and plan.state.flash_bytes <= 16_000
    assert wide.state.flash_bytes is not None and wide.state.flash_bytes > 16_000
    assert plan.state.accuracy is not None and wide.state.accuracy is not None
    assert plan.state.accuracy > wide.state.accuracy - 0.02
