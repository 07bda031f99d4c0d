"""Compares what a test bench wrote with the golden integers: python compare.py

A program of its own beside ``tb_data``: run it after the vendor tool's C simulation or
co-simulation. Exit code 0 when every integer is equal, 1 when one differs, 2 when nothing ran.
"""

import sys
from pathlib import Path

FOLDER = Path("tb_data")
GOLDEN = FOLDER / "tb_output_predictions.dat"
RESULTS = ("csim_results.log", "rtl_cosim_results.log", "results.log")


def numbers(path: Path) -> list[float]:
    return [float(word) for word in path.read_text().split()]


def main() -> int:
    golden = numbers(GOLDEN)
    found = [path for name in RESULTS if (path := FOLDER / name).is_file()]
    if not found:
        print(f"{FOLDER} has no {', '.join(RESULTS)}; run the test bench first", file=sys.stderr)
        return 2
    wrong = 0
    for path in found:
        values = numbers(path)
        missing = abs(len(golden) - len(values))
        differing = missing + sum(a != b for a, b in zip(golden, values, strict=False))
        print(f"{path}: {differing} of {len(golden)} integers differ")
        wrong += differing
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
