"""With ``--json`` a failure is a document on stdout; the line and the exit code stay."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest

from hwkit.cli import _run
from hwkit.cli.failure import wants_json
from hwkit.errors import BudgetInfeasible, DeviceError, HwkitError, ToolFailed, ToolMissing
from hwkit.formats import FORMATS, who


def failed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """The error's document; what it has in common with the same command without ``--json`` is
    checked here."""
    code = _run([*arguments, "--json"])
    out, err = capsys.readouterr()
    document: dict[str, Any] = json.loads(out)
    assert list(document) == ["hwkit", "format", "error", "exit_code"]
    assert (document["hwkit"], document["format"]) == (who(), FORMATS["error"])
    assert document["exit_code"] == code > 0
    assert list(document["error"]) == ["kind", "message", "where", "remedy"]
    assert err.lstrip("\n") == f"hwkit: {document['error']['message']}\n"
    return document


def test_an_error_of_the_tree(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "none.hwk"
    found = failed(capsys, "inspect", str(path))
    assert (found["error"]["kind"], found["exit_code"]) == ("ConfigError", 2)
    assert found["error"]["where"] == str(path) and found["error"]["remedy"]


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (("verify", "m.hwk"), "hwkit verify"),
        (("frobnicate",), "hwkit"),
        (("verify", "m.hwk", "--board", "virtual_m4", "-n", "0"), "hwkit verify"),
        (("predict", "m.hwk"), "hwkit predict"),
        (("boards", "show"), "hwkit boards show"),
    ],
)
def test_a_usage_error(
    arguments: tuple[str, ...], where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = failed(capsys, *arguments)
    assert found["error"]["kind"] == "UsageError" and found["exit_code"] == 2
    assert (found["error"]["where"], found["error"]["remedy"]) == (where, f"See '{where} --help'.")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (BudgetInfeasible("flash: too small; ask for more"), "BudgetInfeasible", 1),
        (ToolMissing("t", "get it"), "ToolMissing", 2),
        (ToolFailed("t", 1, "/log"), "ToolFailed", 3),
        (DeviceError("silent"), "DeviceError", 3),
        (ModuleNotFoundError("no", name="torch"), "ToolMissing", 2),
        (OSError(28, "No space left", "/full"), "SystemError", 2),
        (MemoryError(), "OutOfMemory", 2),
        (KeyboardInterrupt(), "Interrupted", 130),
        (click.exceptions.Abort(), "Interrupted", 130),
        (ZeroDivisionError("oh"), "InternalError", 3),
    ],
)
def test_every_kind(
    error: BaseException,
    kind: str,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.delenv("HWKIT_DEBUG", raising=False)
    monkeypatch.setattr("hwkit.flow.doctor.examine", fail)
    found = failed(capsys, "doctor")
    assert (found["error"]["kind"], found["exit_code"]) == (kind, code)
    if isinstance(error, HwkitError):
        assert found["error"]["where"] == error.where
    assert _run(["doctor"]) == code
    out, err = capsys.readouterr()
    assert out == "" and err.lstrip("\n") == f"hwkit: {found['error']['message']}\n"


def test_a_bug_is_raised_where_it_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWKIT_DEBUG", "1")
    monkeypatch.setattr("hwkit.flow.doctor.examine", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        _run(["doctor", "--json"])


def test_json_is_an_option_only() -> None:
    assert wants_json(["inspect", "m", "--json"]) and not wants_json(["inspect", "--", "--json"])
