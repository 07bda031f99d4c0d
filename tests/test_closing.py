"""The end of a ``with`` closes, an exception's as well."""

from __future__ import annotations

import pytest

from hwkit.closing import Closing


class Door(Closing):
    def __init__(self) -> None:
        self.open = True

    def close(self) -> None:
        self.open = False


def test_it_is_closed_at_the_end() -> None:
    with Door() as door:
        assert door.open
    assert not door.open


def test_an_exception_goes_on() -> None:
    door = Door()
    with pytest.raises(ValueError, match="inside"), door:
        raise ValueError("inside")
    assert not door.open
