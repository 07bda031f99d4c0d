"""Tables in the READMEs, made from results/*.csv.

python -m benchmarks.table            rewrites what stands between the markers
python -m benchmarks.table --check    exit code 1 when a table and its CSV differ

A marker is ``<!-- table: NAME -->`` ... ``<!-- end -->`` for results/NAME.csv. Rows of different
evidence (measured, simulated, estimated) become tables of their own, never one column. What is the
same in all rows of a table is said once, above it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.csvfile import FOLDER, read

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "benchmarks" / "README.md")
_MARKED = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def markdown(rows: Sequence[Mapping[str, str]]) -> str:
    """One table for each kind of evidence in ``rows``, in order of appearance.

    Example: ``[{"kernel": "conv", "cycles": "25600"}]`` gives a table whose second column is
    right-aligned and reads 25,600.
    """
    if not rows:
        raise ValueError("a table needs at least one row")
    kinds = dict.fromkeys(row.get("evidence", "") for row in rows)
    tables = []
    for kind in kinds:
        chosen = _filled_columns([row for row in rows if row.get("evidence", "") == kind])
        shared = _shared(chosen)
        tables.append(_heading(kind, chosen[0], shared) + _table(chosen, shared))
    return "\n".join(tables)


def filled(text: str) -> str:
    """``text`` with every marked table made new; ``FileNotFoundError`` when a CSV is missing."""
    return _MARKED.sub(lambda found: f"{found[1]}{markdown(read(found[2]))}{found[3]}", text)


def marked(text: str) -> list[str]:
    """Names of the tables that ``text`` asks for."""
    return [found[2] for found in _MARKED.finditer(text)]


def _filled_columns(rows: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """``rows`` without the columns that none of them fills."""
    kept = [column for column in rows[0] if any(row[column] for row in rows)]
    return [{column: row[column] for column in kept} for row in rows]


def _shared(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Columns with one value in all of several rows; evidence is no column."""
    if len(rows) < 2:
        return []
    return [c for c in rows[0] if c != "evidence" and len({row[c] for row in rows}) == 1]


def _heading(kind: str, row: Mapping[str, str], shared: Sequence[str]) -> str:
    facts = "; ".join(f"{_title(column)} {_shown(row[column])}" for column in shared)
    heading = f"{kind.capitalize()} ({facts})" if kind and facts else kind.capitalize() or facts
    return f"{heading}:\n\n" if heading else ""


def _title(column: str) -> str:
    return column.replace("_", " ")


def _table(rows: Sequence[Mapping[str, str]], shared: Sequence[str]) -> str:
    columns = [column for column in rows[0] if column not in (*shared, "evidence")]
    right = [all(_NUMBER.fullmatch(row[c]) or not row[c] for row in rows) for c in columns]
    lines = [
        _line(_title(column) for column in columns),
        _line("---:" if numeric else "---" for numeric in right),
        *(_line(_shown(row[column]) for column in columns) for row in rows),
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _shown(value: str) -> str:
    """Whole numbers in groups of three; everything else as it stands, safe inside a cell."""
    if value.isdecimal():
        return f"{int(value):,}"
    return value.replace("|", "\\|").replace("\n", " ")


def main(arguments: Sequence[str]) -> int:
    """Rewrites, or with ``--check`` compares; 1 when a document is not up to date."""
    stale = []
    for document in DOCUMENTS:
        before = document.read_text()
        after = filled(before)
        if before != after:
            stale.append(document.relative_to(ROOT))
            if "--check" not in arguments:
                document.write_text(after)
    for path in stale:
        print(f"{path}: tables {'differ from the CSV' if '--check' in arguments else 'rewritten'}")
    return 1 if stale and "--check" in arguments else 0


def results() -> list[str]:
    """Names of all result files."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
