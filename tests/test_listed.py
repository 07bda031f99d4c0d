"""What the quick subset and a run of CI leave out."""

from __future__ import annotations

import pytest

from tests.listed import MARKS, is_among, list_of, listed

TEST = "tests/a/test_b.py::TestC::test_d[x-1]"


@pytest.mark.parametrize("name", [TEST, TEST.partition("[")[0], "tests/a/test_b.py"])
def test_a_name_stands_for_all_that_it_holds(name: str) -> None:
    assert is_among(TEST, {name})


@pytest.mark.parametrize("name", ["tests/a/test_b.py::TestC::test", "tests/a", "tests/a/test_b"])
def test_a_part_of_a_name_is_no_name(name: str) -> None:
    assert not is_among(TEST, {name})


@pytest.mark.parametrize("mark", MARKS)
def test_every_name_on_a_list_is_that_of_a_test(mark: str) -> None:
    for name in listed(mark):
        file, _, test = name.partition("::")
        text = (list_of(mark).parents[1] / file).read_text()
        assert not test or f"def {test.partition('[')[0].rpartition('::')[2]}(" in text, name


@pytest.mark.parametrize("mark", MARKS)
def test_what_is_listed_is_marked(mark: str, request: pytest.FixtureRequest) -> None:
    names = listed(mark)
    marked = [item.get_closest_marker(mark) for item in request.session.items
              if is_among(item.nodeid, names)]  # fmt: skip
    assert all(marked)


def test_no_file_is_left_to_the_night_alone() -> None:
    files = {name for name in listed("nightly") if "::" not in name}
    assert not files, f"name the tests, and leave one: {sorted(files)}"
