"""The READMEs' tables are those of the CSV files: all of them, to the character."""

from __future__ import annotations

import pytest

from benchmarks import table


def test_every_table_is_what_its_csv_says() -> None:
    for document in table.DOCUMENTS:
        text = document.read_text()
        assert table.filled(text) == text, f"{document}: run python -m benchmarks.table"
    assert table.main(["--check"]) == 0


def test_every_result_is_shown_and_every_marker_has_a_result() -> None:
    shown = {name for path in table.DOCUMENTS for name in table.marked(path.read_text())}
    assert shown == set(table.results())


def test_a_table() -> None:
    rows = [
        {"kernel": "conv", "cycles": "25600", "per_mac": "1.25", "evidence": "simulated"},
        {"kernel": "a|b", "cycles": "", "per_mac": "2", "evidence": "simulated"},
        {"kernel": "fc", "cycles": "7", "per_mac": "3", "evidence": "measured"},
    ]
    assert table.markdown(rows) == (
        "Simulated:\n\n"
        "| kernel | cycles | per mac |\n| --- | ---: | ---: |\n"
        "| conv | 25,600 | 1.25 |\n| a\\|b |  | 2 |\n"
        "\n"
        "Measured:\n\n"
        "| kernel | cycles | per mac |\n| --- | ---: | ---: |\n"
        "| fc | 7 | 3 |\n"
    )


def test_what_all_rows_share_is_said_once() -> None:
    rows = [
        {"kernel": "conv", "cores": "2", "cycles": "9", "evidence": "simulated"},
        {"kernel": "fc", "cores": "2", "cycles": "7", "evidence": "simulated"},
    ]
    assert table.markdown(rows) == (
        "Simulated (cores 2):\n\n| kernel | cycles |\n| --- | ---: |\n| conv | 9 |\n| fc | 7 |\n"
    )


def test_what_is_not_marked_stays() -> None:
    text = "before\n<!-- table: interpreter -->\nold\n<!-- end -->\nafter\n"
    after = table.filled(text)
    assert after.startswith("before\n<!-- table: interpreter -->\n")
    assert after.endswith("<!-- end -->\nafter\n")
    assert "old" not in after
    assert table.filled(after) == after


def test_a_marker_without_a_csv_or_a_csv_without_rows() -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.csv"):
        table.filled("<!-- table: nothing -->\n<!-- end -->")
    with pytest.raises(ValueError, match="at least one row"):
        table.markdown([])
