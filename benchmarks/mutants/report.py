"""Results by folder, and survivors with their explanations."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import csvfile

Row = dict[str, Any]
HERE = Path(__file__).parent


def folder(path: str) -> str:
    """Example: ``hwkit/ir/arith.py`` gives ``hwkit/ir``."""
    return Path(path).parent.as_posix()


def key(row: Row) -> tuple[str, ...]:
    """What makes two results the same mutant, wherever its line has gone."""
    return (row["path"], row["before"], row["after"])


def read(results: Path) -> list[Row]:
    """The results so far, the last one of each mutant."""
    if not results.exists():
        results.parent.mkdir(parents=True, exist_ok=True)
        return []
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    return list({key(row): row for row in rows}.values())


def explained() -> dict[tuple[str, ...], str]:
    """Mutants of ``equivalent.toml`` that no test can kill, and why."""
    table = tomllib.loads((HERE / "equivalent.toml").read_text())
    return {key(row): row["because"] for row in table.get("equivalent", [])}


def table(rows: Sequence[Row]) -> list[Row]:
    """A row for each folder: mutants that compile to other code, and what became of them."""
    reasons = explained()
    found = []
    for name in sorted({row["folder"] for row in rows}):
        mine = [row for row in rows if row["folder"] == name]
        killed = sum(row["outcome"] == "killed" for row in mine)
        survived = [row for row in mine if row["outcome"] == "survived"]
        equivalent = sum(key(row) in reasons for row in survived)
        mutants = killed + len(survived)
        found.append(
            {
                "folder": name,
                "mutants": mutants,
                "killed": killed,
                "equivalent": equivalent,
                "survived": len(survived) - equivalent,
                "undecided": sum(row["outcome"] == "undecided" for row in mine),
                "killed_percent": f"{100 * killed / max(mutants - equivalent, 1):.1f}",
                "not_compiled": sum(row["outcome"] == "refused" for row in mine),
                "same_code": sum(row["outcome"] == "same" for row in mine),
                "cpu_s_each": f"{sum(row['cpu_s'] for row in mine) / max(mutants, 1):.1f}",
                "seed": " ".join(sorted({str(row["seed"]) for row in mine})),
                "commit": " ".join(sorted({row["commit"] for row in mine})),
                "evidence": "measured",
            }
        )
    return found


def show(rows: Sequence[Row]) -> None:
    """Prints the table and every survivor that nothing explains."""
    reasons = explained()
    for row in table(rows):
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    for row in rows:
        if row["outcome"] == "survived" and key(row) not in reasons:
            print(
                f"{row['path']}:{row['line']} ({row['rule']})\n- {row['before']}\n+ {row['after']}"
            )


def write(rows: Sequence[Row]) -> None:
    """``results/mutants.csv``."""
    csvfile.write("mutants", table(rows))
    show(rows)
