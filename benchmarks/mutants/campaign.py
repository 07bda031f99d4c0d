"""Compiles and tests mutants in a copy of the tree, one at a time."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import CodeType

from benchmarks.mutants import compiled, places, report, trial
from benchmarks.mutants.mutation import Mutation

_FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+\.py(?:::\S+)?)", re.MULTILINE)
_NOT_BUILT = "ToolFailed"
"""What a test says whose program does not compile: killed, or refused by a compiler."""


@dataclass(frozen=True, slots=True)
class Step:
    """Tests (a selection for pytest), for which the list of kernels is cut to ``group``; ``form``
    is how what they run is compiled (see ``compiled.code``), "" for what is not."""

    tests: tuple[str, ...]
    form: str = ""
    group: str = ""

    @property
    def slow_to_compile(self) -> bool:
        """Whether it is cheaper to let the tests compile it and look only when they pass."""
        return self.form.startswith("virtual")


class Campaign:
    """Runs mutants in ``tree`` and appends to ``results``."""

    def __init__(self, tree: Path, results: Path) -> None:
        self.tree = tree
        self.results = results
        self.log = tree.with_suffix(".log")
        self.places = places.by_file(tree)
        self.kernels = compiled.Kernels(tree)
        self.known = {report.key(row): row for row in report.read(results)}
        self._sound: set[tuple[str, ...]] = set()
        self._code: dict[tuple[str, ...], bytes | None] = {}

    def outcome(self, mutation: Mutation) -> str | None:
        """How it ended before."""
        row = self.known.get(self._key(mutation))
        return None if row is None else str(row["outcome"])

    def _key(self, mutation: Mutation) -> tuple[str, ...]:
        before, after = mutation.lines((self.tree / mutation.path).read_text())
        return (mutation.path, before, after)

    def run(self, mutation: Mutation, folder: str) -> str:
        """Compiles and tests one mutant: killed, survived, same or refused."""
        start = time.monotonic()
        path = self.tree / mutation.path
        text = path.read_text()
        outcome, tests = self._tried(mutation, text)
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

    def _tried(self, mutation: Mutation, text: str) -> tuple[str, str]:
        if mutation.path.endswith(".py"):
            other = _compiled(mutation.applied(text))
            if other is None or other == _compiled(text):
                return "refused" if other is None else "same", ""
        steps = self._steps(mutation.path)
        changed = not any(step.form for step in steps)
        for step in steps:
            self._list(step)
            normal = self._normal(step, mutation.path)
            with _Fault(self.tree / mutation.path, mutation.applied(text)):
                if step.form and not step.slow_to_compile:
                    code = compiled.code(self.tree, step.form, mutation.path)
                    if code is None:
                        return "refused", ""
                    if code == normal:
                        continue
                passed = self._passes(step.tests)
                said = self.log.read_text(errors="replace")
                if step.slow_to_compile and (passed or _NOT_BUILT in said):
                    code = compiled.code(self.tree, step.form, mutation.path)
                    if code is None:
                        return "refused", ""
                    if passed and code == normal:
                        continue
                changed = True
            if not passed:
                return "killed", self._killer(step, said)
        return "survived" if changed else "same", ""

    def _steps(self, path: str) -> list[Step]:
        place = self.places[path]
        own = place.forms[0] if place.forms and not place.variant else ""
        whole = [Step(tests, own) for tests in place.tests]
        found = []
        for group in self.kernels.groups(path, place.variant) if place.variant else ():
            for form in place.forms:
                host = form.startswith("host")
                of = compiled.host_tests if host else compiled.core_tests
                tests = of(group, place.variant)
                if tests:
                    found.append(Step(tests, form, group))
        if place.variant:
            whole = [Step(step.tests, place.forms[-1]) for step in whole]
        return found + whole

    def _list(self, step: Step) -> None:
        if step.group:
            self.kernels.cut(step.group)
        else:
            self.kernels.restore()

    def _passes(self, tests: tuple[str, ...]) -> bool:
        return bool(trial.passes(self.tree, tests, self.log))

    def _killer(self, step: Step, said: str) -> str:
        """The test that failed, which must pass where nothing is wrong."""
        failed = _FAILED.search(said)
        tests = (failed[1],) if failed else step.tests
        key = (step.group, *tests)
        if key not in self._sound:
            if not self._passes(tests):
                sys.exit(f"without a fault, these tests fail: {' '.join(tests)}; see {self.log}")
            self._sound.add(key)
        return " ".join(tests)

    def _normal(self, step: Step, path: str) -> bytes | None:
        if not step.form:
            return None
        own = step.form == "verilog" or step.form.endswith("files")
        key = (step.form, step.group, path if own else "")
        if key not in self._code:
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
