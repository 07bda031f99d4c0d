"""The closed loop against uniform widths: ``python -m benchmarks.tuning [CASE ...]``.

For each case and each of three seeds ``hwkit tune`` trains, measures and tunes; a row is what it
tried: the plan that it kept, and all layers at 8, 6 and 4 bits. ``within`` says whether the case's
budget holds on the board.
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.csvfile import write
from hwkit.flow.tuning.product import Wanted, tuned
from hwkit.flow.tuning.source import RecipeSource
from hwkit.report.summary import Tried
from hwkit.train.recipe import recipe_path

SEEDS = (1, 2, 3)
PAGE = Path(__file__).resolve().parents[1] / "docs" / "tune.md"


@dataclass(frozen=True, slots=True)
class Case:
    """A recipe (its text), a board and what is asked for."""

    recipe: str
    board: str
    budget: str
    widths: tuple[int, ...] | None = None
    maps: tuple[int, ...] | None = None


def _wide() -> str:
    return str(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL)[0])


def cases() -> dict[str, Case]:
    """By name."""
    return {
        "wide, flash": Case(_wide(), "virtual_m4", "latency=5ms,flash=16kB", (8, 4, 2)),
        "digits, LUTs": Case(
            recipe_path("digits").read_text(), "rtl_sim", "lut=6300", (8, 6, 5, 4, 3), (8, 6, 4)
        ),
    }


def rows_of(name: str, case: Case, seed: int, folder: Path) -> list[dict[str, Any]]:
    """What the loop tried for one seed."""
    recipe = folder / "recipe.toml"
    recipe.write_text(re.sub(r"^seed = \d+$", f"seed = {seed}", case.recipe, flags=re.MULTILINE))
    wanted = Wanted((case.board,), (case.budget,), widths=case.widths, maps=case.maps)
    start = time.monotonic()
    done = tuned(RecipeSource(str(recipe)), wanted, folder / "run", lambda line: None)
    seconds = time.monotonic() - start
    tuning = done.summary.tuning
    assert tuning is not None
    plans = [one for one in tuning.tried if one.kind == "plan"]
    kept = [plans[-1], *(one for one in tuning.tried if one.kind == "uniform")]
    return [_row(name, case, seed, one, len(plans), seconds) for one in kept]


def _row(
    name: str, case: Case, seed: int, one: Tried, plans: int, seconds: float
) -> dict[str, Any]:
    state = one.state
    return {
        "case": name, "board": case.board, "budget": case.budget, "seed": seed,
        "network": one.title if one.kind == "uniform" else f"plan {plans} of {plans}",
        "weights": " ".join(map(str, state.weight_bits.values())),
        "accuracy": f"{100 * (state.accuracy or 0):.2f}", "cycles": state.cycles,
        "flash bytes": state.flash_bytes, "lut": state.lut, "within": one.holds,
        "seconds": f"{seconds:.0f}" if one.kind == "plan" else "", "evidence": state.evidence,
    }  # fmt: skip


def main(names: list[str]) -> None:
    rows = []
    for name, case in cases().items():
        if names and name not in names:
            continue
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                rows += rows_of(name, case, seed, Path(folder))
            print(*rows[-4:], sep="\n", flush=True)
    write("tuning", rows)


if __name__ == "__main__":
    main(sys.argv[1:])
