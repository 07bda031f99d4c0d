"""One record from the device to the page: what it is worth follows from who answered."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

import pytest

from hwkit.errors import FormatError
from hwkit.profile.measurement import FORMAT, parse
from hwkit.target import Evidence, Identity, Kind
from tests.profile.example import MEASUREMENT


def test_evidence_follows_from_the_identity() -> None:
    worth = {kind: Identity(kind, "x").evidence for kind in get_args(Kind)}
    assert worth == {
        "hardware": "measured",
        "emulator": "simulated",
        "simulator": "simulated",
        "model": "estimated",
    }
    assert set(worth.values()) == set(get_args(Evidence))


def test_its_json_says_so_and_is_read_back() -> None:
    value = json.loads(json.dumps(MEASUREMENT.to_json()))
    assert value["format"] == FORMAT
    assert (value["evidence"], value["clock_hz"]) == ("simulated", 64_000_000)
    assert value["cycle_model"] == "m4: 3 to 16 % low"
    assert value["total"]["cycles"] == 100
    assert parse(value, "x") == MEASUREMENT


def test_no_word_in_a_file_makes_it_worth_more() -> None:
    value = MEASUREMENT.to_json() | {"evidence": "measured"}
    assert parse(value, "x").evidence == "simulated"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 1}, "x: format 1 is not 2; profile again"),
        ({"repeats": "many"}, "x: repeats"),
        ({"identity": {"kind": "wish", "name": ""}}, "x: identity.kind"),
        ({"extra": 1}, "x: unknown key 'extra'"),
    ],
)
def test_what_is_no_measurement(change: dict[str, object], message: str) -> None:
    with pytest.raises(FormatError, match=message):
        parse(MEASUREMENT.to_json() | change, "x")


def test_the_whole_is_left_out_where_there_is_none() -> None:
    assert "whole" not in MEASUREMENT.to_json()
    whole = replace(MEASUREMENT, whole=MEASUREMENT.total)
    assert parse(json.loads(json.dumps(whole.to_json())), "x") == whole
