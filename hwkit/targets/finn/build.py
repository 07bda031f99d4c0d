"""Runs a build plan in FINN's environment, and opens a folder that was built before."""

from __future__ import annotations

import hashlib
from pathlib import Path

from hwkit.errors import (
    BudgetInfeasible,
    ConfigError,
    FormatError,
    HwkitError,
    ToolFailed,
    UnsupportedOp,
)
from hwkit.files import read_json, write_json, write_whole
from hwkit.target import Artifact, BuildPlan, Lowered
from hwkit.targets.finn.emit import emit
from hwkit.targets.finn.graph import TARGET, Network
from hwkit.targets.finn.report import facts
from hwkit.toolchain import isolated

TOOL = "finn"
NETWORK = "network.onnx"
_STAMP = "build.json"
_REFUSAL = "refusal.json"
_TIMEOUT_S = 3600.0


def build(plan: BuildPlan, lowered: Lowered[Network], out: Path) -> Artifact[Network]:
    """Writes the plan to ``out`` and lets FINN convert, fold, estimate and generate code there.

    All output goes to ``build.log``. ``ToolMissing`` without FINN, ``ToolFailed`` with the log's
    path when it fails, ``BudgetInfeasible`` with the number that misses when no folding serves.
    """
    isolated.get(TOOL)  # before a folder is filled
    for name, content in plan.files.items():
        write_whole(out / name, content)
    write_json(out / _STAMP, {"plan": plan.digest(), "built": ""})
    return _brought_up_to_date(plan, lowered, out)


def open_artifact(out: Path, lowered: Lowered[Network]) -> Artifact[Network]:
    """The artifact that ``build`` left in ``out``, built again if the model, the configuration or
    the folding was edited since: what lies in the folder is what runs.

    Raises ``ConfigError`` when there is none, or when it was built from another network.
    """
    if not (out / _STAMP).is_file():
        raise ConfigError(f"{out}: holds no {lowered.board.name} build; deploy into it first")
    plan = emit(lowered)
    if _stamps(out)["plan"] != plan.digest():
        raise ConfigError(f"{out}: was built from another network; deploy this one into it")
    return _brought_up_to_date(plan, lowered, out)


def built_plan(out: Path) -> str:
    """Digest of the plan that was built in ``out``; ``FormatError`` where none was."""
    return _stamps(out)["plan"]


def _brought_up_to_date(plan: BuildPlan, lowered: Lowered[Network], out: Path) -> Artifact[Network]:
    stamps = _stamps(out)
    if stamps["built"] != _digest(plan, out) or not (out / NETWORK).is_file():
        (command,) = plan.commands
        _run(command[1:], lowered, out)
        write_json(out / _STAMP, {"plan": stamps["plan"], "built": _digest(plan, out)})
    return Artifact(out, out / NETWORK, lowered.board, lowered, facts(lowered, out))


def _run(arguments: tuple[str, ...], lowered: Lowered[Network], out: Path) -> None:
    (out / _REFUSAL).unlink(missing_ok=True)
    try:
        isolated.get(TOOL).run(arguments, out / "build.log", cwd=out, timeout_s=_TIMEOUT_S)
    except ToolFailed:
        if (out / _REFUSAL).is_file():
            raise _refusal(lowered, out) from None
        raise


def _refusal(lowered: Lowered[Network], out: Path) -> HwkitError:
    said = read_json(out / _REFUSAL)
    for node in lowered.plan.nodes:
        if node.output == said["tensor"]:
            return UnsupportedOp(lowered.graph.nodes[node.layer].name, TARGET, said["message"])
    return BudgetInfeasible(said["message"])


def _stamps(out: Path) -> dict[str, str]:
    stamps = read_json(out / _STAMP)
    if not isinstance(stamps, dict) or any(
        not isinstance(stamps.get(key), str) for key in ("plan", "built")
    ):
        raise FormatError(f"{out / _STAMP}: not written by hwkit; deploy into an empty folder")
    return stamps


def _digest(plan: BuildPlan, out: Path) -> str:
    """SHA-256 over the files that the build reads."""
    state = hashlib.sha256()
    for name in sorted(plan.files):
        path = out / name
        content = path.read_bytes() if path.is_file() else b""
        state.update(f"{name}\0{len(content)}\0".encode())
        state.update(content)
    return state.hexdigest()
