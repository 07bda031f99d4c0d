"""The one tree of errors that hwkit raises on purpose.

Each error is one line for the user, of the form ``where: what; remedy``: a file with the key or
the node in it, a board, an option; what is wrong, with the value; what to do, or what is known.
Either end may be missing. ``where`` and ``remedy`` read them off that line, so that an error says
each thing once. The command line prints ``str(error)`` and leaves with ``error.exit_code``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_QUOTED = re.compile(r"(?<!\w)'[^']*'|\"[^\"]*\"|`[^`]*`|\([^()]*\)")
"""A value in a message may hold anything: a colon or a semicolon in it separates nothing."""


def parted(line: str) -> tuple[str, str, str]:
    """``line`` as where, what and remedy, "" for those that it lacks.

    Where ends at the first colon; single words between colons after it are part of it. The remedy
    begins at the first semicolon after that.

    Example: ``parted("a.toml: mcu.core: unknown word 'x: y'; known: z")`` is ``("a.toml: mcu.core",
    "unknown word 'x: y'", "known: z")``.
    """
    masked = _QUOTED.sub(lambda match: "x" * len(match[0]), line)
    found = re.match(r"[^;]*?: (?:[^\s:;]+: )*", masked)
    end = found.end() if found else 0
    rest = masked.find("; ", end)
    if rest < 0:
        return line[: max(end - 2, 0)], line[end:], ""
    return line[: max(end - 2, 0)], line[end:rest], line[rest + 2 :]


def near(name: str, known: Iterable[str]) -> str:
    """What a message says of a ``name`` that is not ``known``, before it lists those that are.

    Example: ``near("qemo", ["finn", "qemu"])`` is ``"did you mean 'qemu'? known: finn, qemu"``.
    """
    from difflib import get_close_matches  # not for those whose names are right

    names = list(known)
    close = get_close_matches(name, names, 1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    return f"{meant}known: {', '.join(names)}"


class HwkitError(Exception):
    """Base of every error that hwkit raises on purpose.

    ``exit_code`` is what the command line leaves with: 1 the answer is no, 2 bad input or a
    missing tool, 3 a device or a tool failed.
    """

    exit_code = 2

    @property
    def where(self) -> str:
        """The file and the place in it, the node, the board or the option; "" without one."""
        return parted(str(self))[0]

    @property
    def remedy(self) -> str:
        """What to do about it; "" where nothing is known."""
        return parted(str(self))[2]


_LONGEST_NAME = 120


def _named(node: str) -> str:
    """A name out of a file as one line: no control characters, cut in its middle where long."""
    name = "".join(letter if letter.isprintable() else "?" for letter in node)
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}...{name[-half:]}"


class ConfigError(HwkitError):
    """A recipe, board file, option or input array is wrong."""


class FormatError(HwkitError):
    """A file is cut short, corrupted, of an unknown version, or not what it claims to be."""


class GraphError(HwkitError):
    """A graph breaks a rule of ``ir/SPEC.md``; ``node`` is where."""

    def __init__(self, node: str, message: str) -> None:
        super().__init__(f"{_named(node)}: {message}")
        self.node = node

    @property
    def where(self) -> str:
        """The node."""
        return _named(self.node)


class UnsupportedOp(HwkitError):
    """``target`` has no form of ``node``; ``remedy`` says what would."""

    def __init__(self, node: str, target: str, remedy: str) -> None:
        super().__init__(f"{_named(node)}: not supported by {target}; {remedy}")
        self.node = node
        self.target = target
        self._remedy = remedy

    @property
    def where(self) -> str:
        """The node."""
        return _named(self.node)

    @property
    def remedy(self) -> str:
        """What would serve."""
        return self._remedy


class AccumulatorOverflow(GraphError):
    """A sum left its declared accumulator: raised by the interpreter, never wrapped."""


class BudgetInfeasible(HwkitError):
    """No bit plan meets the budget; the message says which limit fails and the best reachable."""

    exit_code = 1


class BitExactnessError(HwkitError):
    """Two executions of one graph differ; names the first differing layer and integer."""

    exit_code = 1

    def __init__(self, node: str, index: Sequence[int], expected: int, got: int) -> None:
        where = ",".join(str(i) for i in index)
        super().__init__(f"{node}[{where}]: expected {expected}, got {got}")
        self.node = node
        self.index = tuple(index)
        self.expected = expected
        self.got = got

    @property
    def where(self) -> str:
        """The layer and the index in its output."""
        return f"{self.node}[{','.join(str(i) for i in self.index)}]"


class ToolMissing(HwkitError):
    """An external program or package is not installed."""

    def __init__(self, tool: str, how_to_get_it: str) -> None:
        super().__init__(f"{tool} is not installed; {how_to_get_it}")
        self.tool = tool
        self.how_to_get_it = how_to_get_it

    @property
    def where(self) -> str:
        """The tool."""
        return self.tool

    @property
    def remedy(self) -> str:
        """How to get it."""
        return self.how_to_get_it


class ToolFailed(HwkitError):
    """An external program ended with an error; ``log`` is the path of what it printed."""

    exit_code = 3

    def __init__(self, command: str, exit_code: int, log: str) -> None:
        super().__init__(f"`{command}` failed with exit code {exit_code}; its output is in {log}")
        self.command = command
        self.tool_exit_code = exit_code
        self.log = log

    @property
    def where(self) -> str:
        """The path of the log."""
        return self.log

    @property
    def remedy(self) -> str:
        """Read the log: what a tool said, it said there."""
        return f"read {self.log}"


class DeviceError(HwkitError):
    """A board is silent, sends garbage, or answers with an error."""

    exit_code = 3
