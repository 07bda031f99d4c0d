"""A folder of one's own to begin in: a model, a board, and what is done with them.

The files beside this one are its templates; whatever stands in them between two @ is filled in.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hwkit import boards, resources
from hwkit.boards import Board
from hwkit.boards.found import find_all, is_path
from hwkit.device.session import is_emulated
from hwkit.errors import ConfigError
from hwkit.files import read_file
from hwkit.flow.models import load
from hwkit.targets.mcu.choice import stand_in
from hwkit.version import __version__

Ci = Literal["github", "gitlab", "both", "none"]

_HERE = Path(__file__).resolve().parent
_MODEL_BYTES = 1 << 31
_BOARD_BYTES = 1 << 20
_OWN_BOARD = "my_board"
_EXTRAS = {"mcu": "mcu", "edge": "edge", "onnx": "edge", "rtl": "fpga", "hls4ml": "fpga"}
_CI_FILES = {
    "github": {".github/workflows/hwkit.yml": "github.yml"},
    "gitlab": {".gitlab-ci.yml": "gitlab-ci.yml"},
    "none": {},
}
_PURPOSES = {
    "check.sh": "what the CI job runs",
    "bring_up.sh": "the board's first day, step by step",
    "campaign.toml": "what is measured, on which boards, how often",
    f"{_OWN_BOARD}.toml": "the board: clock, memory, pins; yours to change",
    "recipe.toml": "what is trained, and how",
    "images.npy": "a hundred inputs, as the network takes them",
    "labels.npy": "which class each of them is",
    "requirements.txt": "what pip installs",
    ".github/workflows/hwkit.yml": "the CI job, GitHub Actions",
    ".gitlab-ci.yml": "the CI job, GitLab",
}


@dataclass(frozen=True, slots=True)
class Started:
    """The folder, its files by name in it, and the first command to try there."""

    folder: Path
    files: tuple[str, ...]
    first: str


@dataclass(frozen=True, slots=True)
class _Model:
    """The model's name in the folder, the files that come with it, and how it is made there."""

    name: str
    files: Mapping[str, bytes]
    inputs: str = "-n 16"
    train: str = ""


@dataclass(frozen=True, slots=True)
class _Boards:
    """``board`` as commands name it, the one that runs ``here``, and the file that describes it."""

    board: str
    here: str
    target: str
    title: str
    files: Mapping[str, bytes]


def start(
    folder: Path,
    *,
    model: Path | None = None,
    recipe: str | None = None,
    board: str = "virtual_m4",
    ci: Ci = "both",
) -> Started:
    """Makes ``folder``, which must not be there or be empty, whole or not at all.

    ``model`` is copied into it, or a ``recipe`` is, from which it is trained; without either it is
    the digits that hwkit ships. A microcontroller's ``board`` is copied to ``my_board.toml``. What
    runs on a board that is not here runs on its virtual stand-in instead.

    ``ConfigError`` for a folder that has something in it, for a model and a recipe at once, and
    for a board that nothing here stands in for; else as ``load`` of models and boards raises.
    """
    folder = Path(os.path.realpath(folder))
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already; choose a folder that is empty or new")
    if model is not None and recipe is not None:
        raise ConfigError("a model and a recipe are two ways to one network; give one of them")
    given, hardware = _model(model, recipe), _boards(board)
    files = _filled(folder.name, given, hardware, ci)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name[:40]}."))
    try:
        for name, content in files.items():
            (beside / name).parent.mkdir(parents=True, exist_ok=True)
            (beside / name).write_bytes(content)
            if name.endswith(".sh"):
                (beside / name).chmod(0o755)
        if hardware.files:
            boards.load(str(beside / f"{_OWN_BOARD}.toml"))  # it may name a part by its place
        beside.chmod(0o755)
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    first = f"verify {given.name} --board {hardware.here} {given.inputs}"
    return Started(folder, tuple(files), given.train or first)


def _model(path: Path | None, recipe: str | None) -> _Model:
    if recipe is not None:
        from hwkit.train.recipe import read_recipe, recipe_path

        read_recipe(recipe)
        text = recipe_path(recipe).read_bytes()
        return _Model("run/model.hwk", {"recipe.toml": text}, train="train recipe.toml -o run")
    if path is not None:
        load(path)
        name = re.sub(r"[^\w.-]|^[-.]", "_", path.name)
        return _Model(name, {name: read_file(path, _MODEL_BYTES, "give a model file")})
    digits = resources.folder("examples") / "digits"
    names = ("digits.tflite", "images.npy", "labels.npy")
    files = {name: (digits / name).read_bytes() for name in names}
    return _Model("digits.tflite", files, "-i images.npy")


def _boards(reference: str) -> _Boards:
    board = boards.load(reference)
    if board.mcu is None:
        own, files = reference, {}
        if is_path(reference):
            own, files = f"./{_OWN_BOARD}.toml", _copied(board, reference)
        here = "rtl_sim" if board.target == "rtl" and not is_emulated(board) else own
        return _Boards(own, here, board.target, board.title, files)
    virtual = stand_in(board)
    if virtual is None:
        raise ConfigError(f"board {reference}: no virtual board stands in for it; take another")
    own = f"./{_OWN_BOARD}.toml"
    here = own if is_emulated(board) else virtual.name
    return _Boards(own, here, "mcu", board.title, _copied(board, reference))


def _copied(board: Board, reference: str) -> dict[str, bytes]:
    """The board's file under the name of one's own."""
    known = {found.name: found.path for found in find_all()}
    path = Path(reference) if is_path(reference) else known[board.name]
    text = read_file(path, _BOARD_BYTES, "give a board's .toml").decode()
    named, count = re.subn(r'(?m)^name = "[^"]*"', f'name = "{_OWN_BOARD}"', text, count=1)
    if not count:
        raise ConfigError(f"{path}: has no line 'name = ...' to change; copy it by hand")
    return {f"{_OWN_BOARD}.toml": named.encode()}


def _filled(name: str, model: _Model, of: _Boards, ci: Ci) -> dict[str, bytes]:
    """Every file of the folder by name."""
    kinds = ("github", "gitlab") if ci == "both" else (ci,)
    templates = {"check.sh": "check.sh", "campaign.toml": "campaign.toml"}
    serial = of.target in ("mcu", "rtl")
    if serial:
        templates["bring_up.sh"] = "bring_up.sh"
    templates |= {"requirements.txt": "requirements.txt", ".gitignore": "gitignore"}
    for kind in kinds:
        templates |= _CI_FILES[kind]
    present = [*model.files, *of.files, *templates]
    values = _values(name, model, of) | {
        "BRINGUP": "sh bring_up.sh\n" if serial else "",
        "FILES": "\n".join(f"| `{n}` | {_purpose(n)} |" for n in present if n != ".gitignore"),
    }
    made = {to: _template(source, values) for to, source in templates.items()}
    return {**model.files, **of.files, **made, "README.md": _template("README.md", values)}


def _values(name: str, model: _Model, of: _Boards) -> dict[str, str]:
    mcu, away = of.target == "mcu", of.here != of.board
    extra = ",".join([*(["train"] if model.train else []), _EXTRAS.get(of.target, "all")])
    estimated = f"\nhwkit profile {model.name} --board {of.board} --estimate"
    train = f"The model is made by training (minutes):\n\n```sh\nhwkit {model.train}\n```\n\n"
    return {
        "NAME": name,
        "MODEL": model.name,
        "BOARD": of.board,
        "HERE": of.here,
        "TITLE": of.title.split(";")[0],
        "INPUTS": model.inputs,
        "VERSION": __version__,
        "EXTRA": extra,
        "TRAIN": train if model.train else "",
        "CHECKTRAIN": f"hwkit {model.train}\n" if model.train else "",
        "ESTIMATE": estimated if mcu and away else "",
        "PACKAGE": " --package library" if mcu else "",
        "LIBRARY": ", and the model as a C library" if mcu else "",
        "OTHERS": ', "interpreter"' if of.here != "interpreter" else "",
        "OPTIMIZE": 'optimize = ["balanced", "speed"]\n' if mcu else "",
        "REHEARSAL": f"a rehearsal on {of.here}" if away else f"on {of.here}",
    }


def _purpose(name: str) -> str:
    return _PURPOSES.get(name, "the network")


def _template(name: str, values: Mapping[str, str]) -> bytes:
    text = (_HERE / name).read_text()
    return re.sub(r"@([A-Z]+)@", lambda match: values[match[1]], text).encode()
