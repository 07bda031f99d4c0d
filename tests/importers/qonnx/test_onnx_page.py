"""``docs/onnx.md`` is true: its example runs, its operators are the importer's."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

from hwkit.importers.qonnx.importer import _HANDLERS

PAGE = Path(__file__).parents[3] / "docs" / "onnx.md"


def test_the_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text()
    example = doctest.DocTestParser().get_doctest(text, {}, PAGE.name, str(PAGE), 0)
    assert example.examples
    runner = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST)
    assert runner.run(example).failed == 0


def test_every_operator_of_the_page_is_taken() -> None:
    table = PAGE.read_text().partition("## Operators")[2]
    rows = re.findall(r"^\| ([A-Z][^|]*) \|", table, re.MULTILINE)
    named = {word for row in rows for word in re.findall(r"\b[A-Z]\w+", row)}
    assert len(named) > 40
    assert named - {"TopK"} <= _HANDLERS.keys(), named - _HANDLERS.keys()
