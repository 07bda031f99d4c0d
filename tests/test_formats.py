"""Stamps of files and documents, and the page that describes them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from hwkit.allocate import plan as plans
from hwkit.allocate.plan import BitPlan
from hwkit.cli import _run
from hwkit.errors import FormatError
from hwkit.formats import FORMATS, stamped, unstamped, who
from hwkit.ir import serialize
from hwkit.profile import store
from hwkit.report import summary
from hwkit.version import __version__

PAGE = Path(__file__).parent.parent / "docs" / "formats.md"


def test_the_page_names_every_format_and_its_version() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    versions = {name: int(version) for name, version in rows}
    assert versions == {
        **FORMATS,
        ".hwk": serialize.VERSION,
        "measurements.sqlite": store.SCHEMA_VERSION,
    }
    assert len(rows) == len(versions)


def test_the_summary_has_one_version() -> None:
    assert FORMATS["summary.json"] == summary.VERSION


def test_a_stamp_says_who_wrote_what() -> None:
    value = stamped("verify", {"inputs": 3})
    assert list(value) == ["hwkit", "format", "inputs"]
    assert value["hwkit"]["version"] == __version__
    assert re.fullmatch("([0-9a-f]{40})?", value["hwkit"]["commit"])
    assert unstamped("verify", value, "here") == unstamped("verify", {"inputs": 3}, "here")


@pytest.mark.parametrize("version", [0, 2, "1", True, None])
def test_another_version_is_refused(version: object, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    BitPlan({"conv": 4}).save(path)
    assert plans.load(path) == BitPlan({"conv": 4})
    value = json.loads(path.read_text())
    assert value["hwkit"] == who() and value["format"] == 1
    path.write_text(json.dumps({**value, "format": version}))
    with pytest.raises(FormatError, match=r"plan\.json: format .* this hwkit reads 1: write it"):
        plans.load(path)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("boards",), "boards"),
        (("boards", "show", "virtual_m4"), "boards"),
        (("places",), "places"),
        (("toolchain", "list"), "toolchain"),
    ],
)
def test_documents_are_stamped(
    arguments: tuple[str, ...], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run([*arguments, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["hwkit"], document["format"]) == (who(), FORMATS[name])
