"""Builds and executes every project in a folder within one process of FINN's.

    python many.py FOLDER

Each subfolder holds a project with ``x.npy`` and gets ``y.npy``, or ``refusal.json``.
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

for folder in FOLDERS:
    build.HERE = folding.HERE = folder
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
    output = model.graph.output[0].name
    np.save("y.npy", execute.run(model, np.load("x.npy"), [output])[output])
