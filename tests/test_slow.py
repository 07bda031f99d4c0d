"""What the quick subset leaves out."""

from __future__ import annotations

import pytest

from tests.slow import LIST, is_slow, listed

TEST = "tests/a/test_b.py::TestC::test_d[x-1]"


@pytest.mark.parametrize("name", [TEST, TEST.partition("[")[0], "tests/a/test_b.py"])
def test_a_name_stands_for_all_that_it_holds(name: str) -> None:
    assert is_slow(TEST, {name})


@pytest.mark.parametrize("name", ["tests/a/test_b.py::TestC::test", "tests/a", "tests/a/test_b"])
def test_a_part_of_a_name_is_no_name(name: str) -> None:
    assert not is_slow(TEST, {name})


def test_every_name_on_the_list_is_that_of_a_test() -> None:
    for name in listed():
        file, _, test = name.partition("::")
        text = (LIST.parents[1] / file).read_text()
        assert not test or f"def {test.partition('[')[0].rpartition('::')[2]}(" in text, name


def test_the_quick_subset_leaves_out_what_is_listed(request: pytest.FixtureRequest) -> None:
    names = listed()
    marked = [item.get_closest_marker("slow") for item in request.session.items
              if is_slow(item.nodeid, names)]  # fmt: skip
    assert all(marked)
