"""Plants faults and counts those that the tests find: python -m benchmarks.mutants --count 25

Each line of the results says what was changed and how it ended; a run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import compileall
import fnmatch
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from benchmarks.mutants import places, report, trial
from benchmarks.mutants.campaign import Campaign
from benchmarks.mutants.mutation import Mutation, mutations

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Draws ``--count`` mutants of each folder that compile, runs them, prints the survivors."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=25, help="mutants for each folder")
    parser.add_argument("--only", default="*", help="files, as a pattern, or FILE:LINE")
    parser.add_argument("--jobs", type=int, default=1, help="folders side by side")
    parser.add_argument("--scratch", type=Path, default=Path("runs/mutants"))
    parser.add_argument("--report", action="store_true", help="only write the table")
    parser.add_argument("--again", action="store_true", help="survivors once more")
    arguments = parser.parse_args()
    scratch = arguments.scratch.absolute()
    results = scratch / "results.jsonl"
    if arguments.report:
        report.write(report.read(results))
        return
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    only, _, line = arguments.only.partition(":")
    drawn = _drawn(ROOT, only, int(line or 0), arguments.seed)
    if arguments.again:
        drawn = _survivors(drawn, results)
    of = {"seed": arguments.seed, "commit": _commit()}
    run = partial(_run, scratch, results, of, arguments.count)
    with ProcessPoolExecutor(
        arguments.jobs, multiprocessing.get_context("fork"), initializer=trial.preload
    ) as pool:
        folders = [pool.submit(run, folder, some) for folder, some in drawn.items()]
    report.show(report.read(results))
    if stopped := [str(folder.exception()) for folder in folders if folder.exception()]:
        sys.exit("\n".join(stopped))


def _run(
    scratch: Path,
    results: Path,
    of: Mapping[str, object],
    count: int,
    folder: str,
    drawn: Sequence[Mutation],
) -> None:
    """Mutants of one folder in a tree of their own, until ``count`` are compiled and tested."""
    tree = scratch / folder.replace("/", "-")
    _copy(tree)
    campaign = Campaign(tree, results, of)
    for mutation in drawn:
        if count == 0:
            break
        outcome = campaign.outcome(mutation) or campaign.run(mutation, folder)
        count -= outcome in ("killed", "survived", "undecided")
    shutil.rmtree(tree)


def _commit() -> str:
    """The first characters of the commit's name, with a + when files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def _copy(tree: Path) -> None:
    """A copy of the working tree: what git knows, and what is new; Python is compiled."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    shutil.rmtree(tree, ignore_errors=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)
    for package in ("hwkit", "tests"):
        compileall.compile_dir(tree / package, quiet=2)


def _drawn(root: Path, only: str, line: int, seed: int) -> dict[str, list[Mutation]]:
    """Mutations by folder (of one line, unless that is 0), in an order that ``seed`` decides."""
    found: dict[str, list[Mutation]] = {}
    for path in places.by_file(root):
        if fnmatch.fnmatch(path, only):
            text = (root / path).read_text()
            drawn = [m for m in mutations(root, path) if line in (0, m.line(text))]
            found.setdefault(report.folder(path), []).extend(drawn)
    for name, drawn in found.items():
        random.Random(f"{seed} {name}").shuffle(drawn)
    return found


def _survivors(drawn: dict[str, list[Mutation]], results: Path) -> dict[str, list[Mutation]]:
    """Those that survived; they leave the results."""
    rows = report.read(results)
    survived = {report.key(row) for row in rows if row["outcome"] == "survived"}
    kept = [json.dumps(row) + "\n" for row in rows if report.key(row) not in survived]
    results.write_text("".join(kept))
    texts = {path: (ROOT / path).read_text() for path, _, _ in survived}
    again = {
        folder: [m for m in some if (m.path, *m.lines(texts.get(m.path, ""))) in survived]
        for folder, some in drawn.items()
    }
    return {folder: some for folder, some in again.items() if some}


if __name__ == "__main__":
    main()
