"""The search for widths: the paper's score, and as few narrow maps as the limits need."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hwkit.lower.narrow.vdqs import Offer, search

A, B, C = Offer("a", 4, 0.1, 0.05), Offer("b", 4, 0.3, 0.1), Offer("c", 4, 0.05, 0.5)


def test_the_score() -> None:
    assert Offer("a", 4, 0.5, 0.1).score(0.6) == pytest.approx(-0.26)


def test_what_pays_by_itself_is_taken_without_a_limit() -> None:
    assert C.score(0.6) > 0 > A.score(0.6)
    assert search([A, B, C], lambda widths: True) == {"c": 4}
    assert search([A, B, C], lambda widths: True, lam=1.0) == {}
    assert search([A, B, C], lambda widths: True, lam=0.0) == {"a": 4, "b": 4, "c": 4}


def test_offers_are_taken_until_the_limit_holds_and_needless_ones_given_back() -> None:
    assert search([A, B], lambda widths: len(widths) >= 1) == {"a": 4}
    assert search([A, B], lambda widths: "b" in widths) == {"b": 4}
    assert search([A, B], lambda widths: "b" in widths, give_back=False) == {"a": 4, "b": 4}


def test_all_but_the_needless_ones_stay() -> None:
    worse = Offer("d", 4, 0.5, 0.1)
    assert search([A, B, worse], lambda widths: widths.keys() >= {"b", "d"}) == {"b": 4, "d": 4}


def test_the_narrower_of_two_widths_of_one_map_counts() -> None:
    def small(widths: Mapping[str, int]) -> bool:
        return widths.get("a", 8) <= 2

    assert search([A, Offer("a", 2, 0.6, 0.08)], small) == {"a": 2}


def test_limits_out_of_reach_give_none() -> None:
    assert search([A, B, C], lambda widths: False) is None
