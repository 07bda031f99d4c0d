"""Plants faults and counts those that the tests find: python -m benchmarks.mutants --count 20

Each line of the results says what was changed and how it ended; a run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.mutants import compiled, places, report, trial
from benchmarks.mutants.mutation import Mutation, mutations

ROOT = Path(__file__).parents[2]


def main() -> None:
    """Draws ``--count`` mutants of each folder that compile, runs them, prints the survivors."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mutants")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=30, help="mutants for each folder")
    parser.add_argument("--only", default="*", help="files, as a pattern")
    parser.add_argument("--scratch", type=Path, default=Path("runs/mutants"))
    parser.add_argument("--report", action="store_true", help="only write the table")
    parser.add_argument(
        "--trust", action="store_true", help="don't run the tests without a fault first"
    )
    parser.add_argument("--again", action="store_true", help="survivors once more")
    arguments = parser.parse_args()
    scratch = arguments.scratch.absolute()
    results = scratch / "results.jsonl"
    if arguments.report:
        report.write(report.read(results))
        return
    tree = scratch / "tree"
    _copy(tree)
    os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
    trial.preload()
    campaign = Campaign(tree, results, arguments.trust)
    for folder, drawn in _drawn(tree, arguments.only, arguments.seed).items():
        if arguments.again:
            drawn = [m for m in drawn if campaign.outcome(m) == "survived"]
            campaign.forget(drawn)
        count = 0
        for mutation in drawn:
            if count == arguments.count:
                break
            outcome = campaign.outcome(mutation) or campaign.run(mutation, folder)
            count += outcome in ("killed", "survived")
    report.show(report.read(results))


def _copy(tree: Path) -> None:
    """A copy of the working tree: what git knows, and what is new."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True
    )
    shutil.rmtree(tree, ignore_errors=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tree / name)


def _drawn(tree: Path, only: str, seed: int) -> dict[str, list[Mutation]]:
    """Mutations by folder, in an order that ``seed`` alone decides."""
    found: dict[str, list[Mutation]] = {}
    for path in places.by_file(tree):
        if fnmatch.fnmatch(path, only):
            found.setdefault(report.folder(path), []).extend(mutations(tree, path))
    for name, drawn in found.items():
        random.Random(f"{seed} {name}").shuffle(drawn)
    return found


class Campaign:
    """Runs mutants in ``tree`` and appends to ``results``."""

    def __init__(self, tree: Path, results: Path, trust: bool) -> None:
        self.trust = trust
        self.tree = tree
        self.results = results
        self.log = results.with_name("tests.log")
        self.places = places.by_file(tree)
        self.kernels = compiled.Kernels(tree)
        self.known = {report.key(row): row for row in report.read(results)}
        self.sound: dict[tuple[str, ...], bool] = {}
        self.normal: dict[tuple[str, ...], bytes | None] = {}

    def outcome(self, mutation: Mutation) -> str | None:
        """How it ended before."""
        row = self.known.get(self._key(mutation))
        return None if row is None else str(row["outcome"])

    def forget(self, drawn: list[Mutation]) -> None:
        """Takes them out of the results."""
        for mutation in drawn:
            self.known.pop(self._key(mutation), None)
        lines = [json.dumps(row) + "\n" for row in self.known.values()]
        self.results.write_text("".join(lines))

    def _key(self, mutation: Mutation) -> tuple[str, ...]:
        before, after = mutation.lines((self.tree / mutation.path).read_text())
        return (mutation.path, before, after)

    def run(self, mutation: Mutation, folder: str) -> str:
        """Compiles and tests one mutant: killed, survived, same or refused."""
        start = time.monotonic()
        path = self.tree / mutation.path
        text = path.read_text()
        place = self.places[mutation.path]
        try:
            outcome, tests = self._tried(mutation, place, path, text)
        finally:
            path.write_text(text)
            self.kernels.restore()
        before, after = mutation.lines(text)
        row = {
            "folder": folder,
            "path": mutation.path,
            "line": mutation.line(text),
            "rule": mutation.rule,
            "before": before,
            "after": after,
            "outcome": outcome,
            "tests": tests,
            "seconds": round(time.monotonic() - start, 1),
        }
        with self.results.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
        self.known[report.key(row)] = row
        if outcome in ("killed", "survived"):
            where = f"{mutation.path}:{row['line']}"
            print(f"{outcome:9}{row['seconds']:6} s {where}: {before} -> {after}", flush=True)
        return outcome

    def _tried(
        self, mutation: Mutation, place: places.Place, path: Path, text: str
    ) -> tuple[str, str]:
        groups = self.kernels.groups(mutation.path, place.variant) if place.variant else []
        selections = self._selections(place, groups)
        for whole, selection in selections:
            self._require_sound(whole, selection, groups, place)
        if groups:
            self.kernels.cut(groups)
        normal = [self._normal(form, mutation.path, groups) for form in place.forms]
        path.write_text(mutation.applied(text))
        changed = self._changed(mutation, place, text, normal)
        if changed is None:
            return "refused", ""
        if not any(changed):
            return "same", ""
        for k, (whole, selection) in enumerate(selections):
            if place.variant and k == 0 and not changed[0]:
                continue
            if k == 1 and not changed[-1]:
                continue
            if whole:
                self.kernels.restore()
            if not trial.passes(self.tree, selection, place.limit_s, self.log):
                return "killed", " ".join(selection)
        return "survived", ""

    def _selections(
        self, place: places.Place, groups: list[str]
    ) -> list[tuple[bool, tuple[str, ...]]]:
        own = [(True, selection) for selection in place.tests]
        if not groups:
            return own
        host = tuple(self.kernels.tests(groups, place.variant))
        core = tuple(self.kernels.core_tests(groups, place.variant))
        return [(False, host), *([(False, core)] if core else []), *own]

    def _require_sound(
        self, whole: bool, selection: tuple[str, ...], groups: list[str], place: places.Place
    ) -> None:
        """Tests must pass where nothing is wrong."""
        if self.trust or selection in self.sound:
            return
        if whole:
            self.kernels.restore()
        elif groups:
            self.kernels.cut(groups)
        if not trial.passes(self.tree, selection, place.limit_s, self.log):
            sys.exit(f"without a fault, these tests fail: {' '.join(selection)}; see {self.log}")
        self.sound[selection] = True

    def _normal(self, form: str, path: str, groups: list[str]) -> bytes | None:
        key = (form, path if form.endswith("files") or form == "verilog" else "", *groups)
        if key not in self.normal:
            self.normal[key] = compiled.code(self.tree, form, path)
            if self.normal[key] is None:
                sys.exit(f"{path} does not compile without a fault ({form})")
        return self.normal[key]

    def _changed(
        self, mutation: Mutation, place: places.Place, text: str, normal: list[bytes | None]
    ) -> list[bool] | None:
        """Which forms' code the fault changes; None when a compiler refuses it."""
        if mutation.path.endswith(".py"):
            try:
                made = compile(mutation.applied(text), "m", "exec", dont_inherit=True)
            except SyntaxError:
                return None
            return [_listing(made) != _listing(compile(text, "m", "exec", dont_inherit=True))]
        changed = []
        for form, before in zip(place.forms, normal, strict=True):
            code = compiled.code(self.tree, form, mutation.path)
            if code is None:
                return None
            changed.append(code != before)
        return changed


def _listing(code: object) -> object:
    """What a code object does, without where it stands."""
    constants = getattr(code, "co_consts", None)
    if constants is None:
        return (type(code), code)
    names = (code.co_names, code.co_varnames)  # type: ignore[attr-defined]
    return (code.co_code, names, tuple(_listing(c) for c in constants))  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
