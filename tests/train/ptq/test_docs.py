"""The worked example of ``docs/quantize.md``, as it stands there."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("brevitas")
pytest.importorskip("sklearn")

from hwkit.cli import main

PAGE = Path(__file__).parents[3] / "docs" / "quantize.md"


def test_the_worked_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python, shell = (
        re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
        for kind in ("python", "sh")
    )
    (tmp_path / "digits.py").write_text(python)
    monkeypatch.chdir(tmp_path)
    for line in shell.strip().splitlines():
        words = shlex.split(line)
        if words[1] == "verify":
            continue  # tests/targets builds firmware; here the run folder counts.
        with pytest.raises(SystemExit) as left:
            main(words[1:])
        assert left.value.code in (0, None), line
    facts = json.loads((tmp_path / "run" / "train.json").read_text())
    accuracy = facts["accuracy"]
    assert accuracy["float"] > 0.5 and accuracy["float"] - accuracy["integer"] < 0.01
    assert "conv2" in (tmp_path / "report.html").read_text()
