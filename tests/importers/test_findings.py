"""Files that ``benchmarks/fuzz.py`` once found: each is refused in one line, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from hwkit.errors import HwkitError
from hwkit.flow.models import load

FINDINGS = sorted((Path(__file__).parent / "findings").glob("*.bin"))
_ENDINGS = {"hwk": ".hwk", "qonnx": ".onnx", "tflite": ".tflite"}
"""By what a finding's name begins with."""


def test_there_are_findings() -> None:
    assert {path.name.partition("_")[0] for path in FINDINGS} <= set(_ENDINGS)
    assert FINDINGS and sum(path.stat().st_size for path in FINDINGS) < 100_000


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda path: path.stem)
def test_a_finding_is_refused_in_one_line(finding: Path, tmp_path: Path) -> None:
    path = tmp_path / f"model{_ENDINGS[finding.name.partition('_')[0]]}"
    path.write_bytes(finding.read_bytes())
    start = time.process_time()
    with pytest.raises(HwkitError) as caught:
        load(path)
    assert time.process_time() - start < 5
    message = str(caught.value)
    assert caught.value.exit_code == 2 and len(message) < 1000
    assert all(letter.isprintable() for letter in message), message
