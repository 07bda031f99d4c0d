"""The folders of a submission: ``DIVISION/SUBMITTER/`` with ``results/SYSTEM/NETWORK/MODE``,
``systems`` and ``code``, as ``tools/submission/submission_checker.py`` of mlcommons/tiny (v1.4)
walks them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hwkit.boards import Board
from hwkit.errors import ConfigError
from hwkit.files import write_json, write_whole
from hwkit.flow.mlperf.record import FILES, Mode, Outcome
from hwkit.formats import who
from hwkit.targets.mcu.lower import section
from hwkit.targets.mcu.package.networks import Network


def check(submitter: str) -> None:
    """``ConfigError`` for a name that is no folder's."""
    if not submitter.replace("_", "").replace("-", "").isalnum():
        raise ConfigError(f"submitter {submitter!r:.40}: letters, digits, - and _ name a folder")


def prepare(
    root: Path,
    division: str,
    submitter: str,
    network: Network,
    board: Board,
    evidence: str,
    outcomes: Mapping[Mode, Outcome],
    firmware: Mapping[str, bytes],
) -> Path:
    """Writes results, the system's description and the code; the results' folder."""
    top = root / division / submitter
    system = f"{board.name}_hwkit"
    results = top / "results" / system / network.folder
    for mode, outcome in outcomes.items():
        for name in FILES:
            write_whole(results / mode / name, (outcome.folder / name).read_bytes())
    write_json(top / "systems" / f"{system}.json", _system(board, submitter, division, evidence))
    for name, content in firmware.items():
        write_whole(top / "code" / network.folder / name, content)
    return results


def _system(board: Board, submitter: str, division: str, evidence: str) -> dict[str, str]:
    mcu = section(board)
    sizes = {
        kind: sum(m.size_bytes for m in mcu.memory if m.kind == kind) for kind in ("flash", "sram")
    }
    memory = f"{sizes['flash']} bytes flash, {sizes['sram']} bytes SRAM"
    said = who()
    return {
        "Submitter": submitter,
        "Division": division,
        # Research, development or internal: nothing else is true of a rehearsal.
        "Status": "rdi",
        "Board Name": board.title,
        "Processor(s) Name": mcu.core,
        "Processor(s) Frequencies": f"{mcu.clock_hz / 1e6:g} MHz",
        "Processor memory type and capacity": memory,
        "Accelerator": "none",
        "Accelerator(s) Frequencies": "",
        "Accelerator memory type and capacity": "",
        "Hardware Notes": f"figures are {evidence}",
        "Inference Framework": f"hwkit {said['version']} {said['commit']}".strip(),
        "Software Libraries": "none",
        "Software Notes": "a rehearsal by hwkit mlperf rehearse",
    }
