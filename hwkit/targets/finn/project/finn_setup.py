"""Readies FINN in this process, with or without Vivado; import it before anything of FINN's.

Everything FINN writes stays in this folder. Without Vivado (no ``XILINX_VIVADO``) all that needs
none of it still works: conversion, folding, estimates, generated code.
"""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
HAS_VIVADO = "XILINX_VIVADO" in os.environ

_CODE = HERE / "code"
_CODE.mkdir(exist_ok=True)
os.environ["FINN_BUILD_DIR"] = str(_CODE)
os.environ["FINN_SETTINGS"] = str(HERE / "settings.yaml")
os.environ.setdefault("XILINX_VIVADO", str(HERE / "no-vivado" / "2022.2"))

from finn.util.settings import initialize_dummy_settings  # noqa: E402

initialize_dummy_settings()

if not HAS_VIVADO:
    import finn.xsi

    # The simulator's interface is compiled against Vivado; its names are imported all the same.
    for name in finn.xsi._LAZY_NAMES:
        setattr(finn.xsi, name, None)
