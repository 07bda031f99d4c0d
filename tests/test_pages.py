"""The examples of the pages run as they stand there."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize("page", ["brevitas.md", "fixed-point.md", "tflite.md"])
def test_the_example(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("torch", "brevitas", "ai_edge_litert"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    example = doctest.DocTestParser().get_doctest(text, {}, page, str(DOCS / page), 0)
    assert example.examples
    assert doctest.DocTestRunner(optionflags=doctest.FAIL_FAST).run(example).failed == 0
