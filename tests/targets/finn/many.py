"""Builds and executes every project in a folder within one process of FINN's.

    python many.py FOLDER

Each subfolder holds a project with ``x.npz`` and ``wanted.npy``, and gets ``y.npz`` or
``refusal.json``.
"""

import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(sys.argv[1])
FOLDERS = sorted(path for path in ROOT.iterdir() if (path / "build.py").is_file())
sys.path.insert(0, str(FOLDERS[0]))

import finn_setup  # noqa: E402

finn_setup.HERE = FOLDERS[0]

import build  # noqa: E402
import execute  # noqa: E402
import folding  # noqa: E402
import ports  # noqa: E402

for folder in FOLDERS:
    build.HERE = folding.HERE = ports.HERE = folder
    os.chdir(folder)
    sys.argv[1:] = []
    try:
        if build.main():
            sys.exit(f"FINN cannot build {folder}")
    except SystemExit:
        if not (folder / "refusal.json").is_file():
            raise
        continue
    model = execute.executable(folder / "network.onnx")
    execute.check_constants(model)
    feeds, states = execute.read("x.npz")
    names = {name for node in model.graph.node for name in node.output} | {*feeds}
    wanted = [str(name) for name in np.load("wanted.npy") if str(name) in names]
    execute.write("y.npz", execute.run(model, feeds, states, wanted))
