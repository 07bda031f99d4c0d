"""The summary's schema: round trip, and one line naming the place for everything that is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from hwkit.errors import ConfigError, FormatError
from hwkit.files import write_whole
from hwkit.record import to_json
from hwkit.report import summary as schema
from hwkit.report.footprint import footprint
from tests.report import example


def broken(change: Any) -> Any:
    value = copy.deepcopy(example.summary().to_json())
    change(value)
    return value


def test_round_trip_is_exact(tmp_path: Path) -> None:
    summary = example.summary()
    summary.save(tmp_path / "summary.json")
    assert schema.load(tmp_path / "summary.json") == summary
    assert schema.parse(summary.to_json()).to_json() == summary.to_json()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("commit"), "summary.json: key 'commit' is missing"),
        (lambda s: s.update(extra=1), "summary.json: unknown key 'extra'"),
        (lambda s: s.update(version=1), "summary.json: version 1 is not 2"),
        (lambda s: s.update(models={}), "summary.json: models: expected a list, got {}"),
        (
            lambda s: s["models"][0]["accuracy"].update(integer="high"),
            "summary.json: models[0].accuracy.integer: expected a finite number, got 'high'",
        ),
        (
            lambda s: s["models"][0]["accuracy"].update(integer=float("nan")),
            "summary.json: models[0].accuracy.integer: expected a finite number, got nan",
        ),
        (
            lambda s: s["exactness"][1].update(differing=True),
            "summary.json: exactness[1].differing: expected a whole number, got True",
        ),
        (
            lambda s: s["exactness"][1].update(differing=10**400),
            "summary.json: exactness[1].differing: expected a number of 64 bits, got 1000",
        ),
        (
            lambda s: s["exactness"][1].update(differing=0.5),
            "summary.json: exactness[1].differing: expected a whole number, got 0.5",
        ),
        (
            lambda s: s["profiles"][0]["identity"].update(kind="guess"),
            "summary.json: profiles[0].identity.kind: "
            "expected hardware or emulator or simulator or model, got 'guess'",
        ),
        (
            lambda s: s["profiles"][0]["identity"].update(kind=[]),
            "summary.json: profiles[0].identity.kind: "
            "expected hardware or emulator or simulator or model, got []",
        ),
        (lambda s: s.update(tools=["x"]), "summary.json: tools: expected an object, got ['x']"),
        (lambda s: s["tools"].update(zig=1), "summary.json: tools.zig: expected a text, got 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(change: Any, message: str) -> None:
    with pytest.raises(FormatError) as caught:
        schema.parse(broken(change))
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_value_that_is_no_object() -> None:
    with pytest.raises(FormatError, match=r"summary\.json: expected an object, got"):
        schema.parse([1, 2])


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100000, b'{"version": 2}'])
def test_hostile_files_give_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        schema.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="No such file"):
        schema.load(tmp_path / "summary.json")


def test_a_refused_write_keeps_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "summary.json"
    example.summary().save(path)
    before = path.read_bytes()

    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(ConfigError, match="No space left on device"):
        write_whole(path, b"half")
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["summary.json"]


def test_from_facts_keeps_only_what_is_shown() -> None:
    deploy = schema.Deploy.from_facts("m", {"board": "virtual_m4", "lut": 5, "seed": 9})
    assert (deploy.model, deploy.board, deploy.lut) == ("m", "virtual_m4", 5)
    assert json.dumps(to_json(deploy))


def test_an_estimate_stands_beside_the_count() -> None:
    facts = {"board": "ulx3s_25f", "lut": 6713, "estimated": {"lut": 6543}}
    page = str(footprint([schema.Deploy.from_facts("m", facts)]))
    assert page.index("6,713") < page.index("6,543")
