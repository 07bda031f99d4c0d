"""One fault: some characters of one file replaced."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mutation:
    """``text[start:end]`` of ``path`` (relative to the repository) becomes ``after``."""

    path: str
    start: int
    end: int
    after: str
    rule: str

    def applied(self, text: str) -> str:
        """The file's text with the fault in it."""
        return text[: self.start] + self.after + text[self.end :]

    def line(self, text: str) -> int:
        """Number of the first line that changes, from 1."""
        return text.count("\n", 0, self.start) + 1

    def lines(self, text: str) -> tuple[str, str]:
        """The lines that change, without indentation, before and after.

        Example: ``("a += 1 << 30", "a += 1 << 31")``.
        """
        first = text.rfind("\n", 0, self.start) + 1
        last = text.find("\n", self.end)
        last = len(text) if last < 0 else last
        before = text[first:last]
        after = text[first : self.start] + self.after + text[self.end : last]
        return " ".join(before.split()), " ".join(after.split())


def mutations(root: Path, path: str) -> list[Mutation]:
    """Every fault that the rules know for ``path``, in the order of the text."""
    from benchmarks.mutants import python_rules, text_rules

    text = (root / path).read_text()
    rules = python_rules if path.endswith(".py") else text_rules
    found = {m.applied(text): m for m in rules.mutations(path, text)}
    return sorted(found.values(), key=lambda m: (m.start, m.end, m.after))
