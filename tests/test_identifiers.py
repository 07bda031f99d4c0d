"""Any name becomes an identifier that every emitted language takes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwkit.identifiers import KEYWORDS, LONGEST, Identifiers, identifier, one_line

LEGAL = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
NAMES = st.text(max_size=400) | st.sampled_from(sorted(KEYWORDS))


@given(st.lists(NAMES, max_size=12))
def test_identifiers_are_legal_short_and_unique(names: list[str]) -> None:
    scope = Identifiers()
    made = [scope.fresh(name) for name in names]
    for found in made:
        assert LEGAL.fullmatch(found) and len(found) <= LONGEST
        assert found.lower() not in KEYWORDS
    assert len({found.lower() for found in made}) == len(made)


def test_names_that_are_legal_stay() -> None:
    assert [identifier(name) for name in ("conv1", "block1.add", "Relu_2")] == [
        "conv1",
        "block1_add",
        "Relu_2",
    ]
    assert identifier("output") == "output_x" and identifier("WIRE") == "WIRE_x"
    assert identifier("1st") == "x1st" and identifier("") == "x"


def test_long_names_are_told_apart_and_stable() -> None:
    a, b = identifier("l" * 300), identifier("l" * 299 + "k")
    assert a != b and len(a) == len(b) == LONGEST
    assert a == "l" * 39 + "_" + a[-8:] == identifier("l" * 300)
    assert identifier("\ud800" * 60) == identifier("\ud800" * 60)


def test_a_scope_ignores_case_and_knows_what_is_taken() -> None:
    scope = Identifiers(["s"])
    assert [scope.fresh(name) for name in ("add", "Add", "add", "S")] == [
        "add",
        "Add_2",
        "add_3",
        "S_2",
    ]


@pytest.mark.parametrize("text", ["a*/\nb", "ends in \\", "x" * 500, "# <b>|`", "é\u2028y", ""])
def test_one_line_breaks_nothing(text: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9 ()+,.:;=@%_-]{0,80}", one_line(text))
