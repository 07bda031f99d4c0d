"""Compiles and tests mutants in a copy of the tree, one at a time."""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType
from typing import Any

from benchmarks.mutants import calls, compiled, places, report, trial
from benchmarks.mutants.baseline import Baseline, limit_s
from benchmarks.mutants.mutation import Mutation

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.py(?:::.+?)?)(?: - |$)", re.MULTILINE)
_NOT_BUILT = "ToolFailed"
"""What a test says whose program does not compile: killed, or refused by a compiler."""
_DOUBTFUL = re.compile(
    r"time(?:d )?out|no answer|ToolMissing|No space left|Cannot allocate|temporarily unavailable",
    re.IGNORECASE,
)
"""What a test may say that fails because the machine is busy or lacks something."""


@dataclass(frozen=True, slots=True)
class Step:
    """Tests (a selection for pytest), for which the list of kernels is cut to ``group``; ``form``
    is how what they run is compiled (see ``compiled.code``)."""

    tests: tuple[str, ...]
    form: str
    group: str = ""

    @property
    def slow_to_compile(self) -> bool:
        """Whether it is cheaper to let the tests compile it and look only when they pass."""
        return self.form.startswith("virtual")


class Campaign:
    """Runs mutants in ``tree`` and appends to ``results``, with what ``of`` says of the run."""

    def __init__(self, tree: Path, results: Path, of: Mapping[str, object]) -> None:
        self.tree = tree
        self.results = results
        self.of = of
        self.log = tree.with_suffix(".log")
        self.places = places.by_file(tree)
        self.baseline = Baseline(tree, tree.parent / "baseline", self.log)
        self.kernels = compiled.Kernels(tree)
        self.known = {report.key(row): row for row in report.read(results)}
        self._code: dict[tuple[str, ...], bytes | None] = {}

    def outcome(self, mutation: Mutation) -> str | None:
        """How it ended before."""
        row = self.known.get(self._key(mutation))
        return None if row is None or row["outcome"] == "undecided" else str(row["outcome"])

    def _key(self, mutation: Mutation) -> tuple[str, ...]:
        before, after = mutation.lines((self.tree / mutation.path).read_text())
        return (mutation.path, before, after)

    def run(self, mutation: Mutation, folder: str) -> str:
        """Compiles and tests one mutant: killed, survived, same, refused or, when something from
        outside ended its tests, undecided."""
        start, cpu_s, of_baseline = time.monotonic(), _cpu_s(), self.baseline.cpu_s
        path = self.tree / mutation.path
        text = path.read_text()
        outcome, tests = self._tried(mutation, text)
        of_baseline = self.baseline.cpu_s - of_baseline
        before, after = mutation.lines(text)
        row = {
            **self.of,
            "folder": folder,
            "path": mutation.path,
            "line": mutation.line(text),
            "rule": mutation.rule,
            "before": before,
            "after": after,
            "outcome": outcome,
            "tests": tests,
            "seconds": round(time.monotonic() - start, 1),
            "cpu_s": round(_cpu_s() - cpu_s - of_baseline, 1),
            "baseline_cpu_s": round(of_baseline, 1),
        }
        with self.results.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
        self.known[report.key(row)] = row
        if outcome in ("killed", "survived", "undecided"):
            where = f"{mutation.path}:{row['line']}"
            print(f"{outcome:9}{row['cpu_s']:6} s {where}: {before} -> {after}", flush=True)
        return outcome

    def _tried(self, mutation: Mutation, text: str) -> tuple[str, str]:
        if mutation.path.endswith(".py"):
            return self._python(mutation, text)
        changed, unchanged = False, ""
        whole: bytes | None = None
        for step in self._steps(mutation.path):
            if step.form == unchanged:
                continue
            if step.group and not step.slow_to_compile:
                whole = self._normal(replace(step, group=""), mutation.path)
            self._list(step.group)
            limit = limit_s(self.baseline.rows(step.tests, step.group))
            normal = self._normal(step, mutation.path)
            with self._fault(mutation, text):
                if not step.slow_to_compile:
                    code = compiled.code(self.tree, step.form, mutation.path)
                    if code is None:
                        return "refused", ""
                    if code == normal:
                        # Where it changes no kernel, as assembly elsewhere, no group need be asked.
                        self._list("")
                        if step.group and whole == compiled.code(
                            self.tree, step.form, mutation.path
                        ):
                            unchanged = step.form
                        continue
                passed = trial.run(self.tree, step.tests, self.log, limit).passed
                said = self.log.read_text(errors="replace")
                if step.slow_to_compile and (passed or _NOT_BUILT in said):
                    code = compiled.code(self.tree, step.form, mutation.path)
                    if code is None:
                        return "refused", ""
                    if passed and code == normal:
                        continue
                changed = True
            if not passed:
                return self._ended(mutation, text, passed, said, step.tests)
        return "survived" if changed else "same", ""

    def _python(self, mutation: Mutation, text: str) -> tuple[str, str]:
        other = _compiled(mutation.applied(text))
        if other is None or other == _compiled(text):
            return "refused" if other is None else "same", ""
        lines = calls.function(text, mutation.line(text))
        rows = self._recorded(mutation.path)
        known = {row["test"]: row for row in rows}
        for stage in calls.ordered(rows, mutation.path, lines):
            limit = limit_s([known[test] for test in stage])
            files = list(dict.fromkeys(known[test]["file"] for test in stage))
            chosen = [calls.Chosen(stage)]
            with self._fault(mutation, text):
                passed = trial.run(self.tree, files, self.log, limit, chosen).passed
            if not passed:
                said = self.log.read_text(errors="replace")
                return self._ended(mutation, text, passed, said, files)
        return "survived", ""

    def _recorded(self, path: str) -> list[dict[str, Any]]:
        """Every test of the file's place, once; before them, what was called before all."""
        found: dict[str, dict[str, Any]] = {}
        for selection in self.places[path].tests:
            for row in self.baseline.rows(selection, calls=True):
                found.setdefault(row["test"], row)
        return list(found.values())

    def _ended(
        self,
        mutation: Mutation,
        text: str,
        passed: bool | None,
        said: str,
        tests: Sequence[str],
    ) -> tuple[str, str]:
        """Killed by the test that failed; one that says it waited too long, or lacked something,
        must pass without the fault and fail with it once more."""
        failed = _FAILED.search(said)
        named = [failed[1]] if failed else list(tests)
        if passed is None or (_DOUBTFUL.search(said) and not self._again(mutation, text, named)):
            return "undecided", " ".join(named)
        return "killed", " ".join(named)

    def _again(self, mutation: Mutation, text: str, tests: Sequence[str]) -> bool:
        if not trial.run(self.tree, tests, self.log).passed:
            return False
        with self._fault(mutation, text):
            return trial.run(self.tree, tests, self.log).passed is False

    def _fault(self, mutation: Mutation, text: str) -> _Fault:
        return _Fault(self.tree / mutation.path, mutation.applied(text))

    def _steps(self, path: str) -> Iterator[Step]:
        """The nearest kernels first, on this machine before on a core, and the whole at last."""
        place = self.places[path]
        groups = self.kernels.groups(path, place.variant) if place.variant else ()
        for form in place.forms if place.variant else ():
            host = form.startswith("host")
            of = compiled.host_tests if host else compiled.core_tests
            for group in groups:
                tests = of(group, place.variant)
                if tests:
                    yield Step(tests, form, group)
        own = place.forms[-1 if place.variant else 0]
        for tests in place.tests:
            yield Step(tests, own)

    def _list(self, group: str) -> None:
        if group:
            self.kernels.cut(group)
        else:
            self.kernels.restore()

    def _normal(self, step: Step, path: str) -> bytes | None:
        own = step.form == "verilog" or step.form.endswith("files")
        key = (step.form, step.group, path if own else "")
        if key not in self._code:
            self._list(step.group)
            self._code[key] = compiled.code(self.tree, step.form, path)
            if self._code[key] is None:
                sys.exit(f"{path} does not compile without a fault ({step.form}, {step.group})")
        return self._code[key]


class _Fault:
    """A file's text replaced for a while; its time comes back too, so that Python's compiled files
    stay good."""

    def __init__(self, path: Path, text: str) -> None:
        self.path, self.text = path, text
        self.before, state = path.read_text(), path.stat()
        self.times = (state.st_atime_ns, state.st_mtime_ns)

    def __enter__(self) -> None:
        self.path.write_text(self.text)

    def __exit__(self, *error: object) -> None:
        self.path.write_text(self.before)
        os.utime(self.path, ns=self.times)


def _compiled(text: str) -> object:
    """What a module does, without where it stands; None when it is no Python."""
    try:
        return _listing(compile(text, "m", "exec", dont_inherit=True))
    except SyntaxError:
        return None


def _listing(code: object) -> object:
    if not isinstance(code, CodeType):
        return (type(code), code)
    names = (code.co_names, code.co_varnames)
    return (code.co_code, names, tuple(_listing(c) for c in code.co_consts))


def _cpu_s() -> float:
    both = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)
