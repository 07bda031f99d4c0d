"""Builds the FINN project in this folder.

    python build.py             hardware layers, folding, estimates, generated HLS and RTL code
    python build.py --bitfile   all of it and, with Vivado, simulation, synthesis and a bitfile

Without ``XILINX_VIVADO`` only the first works. Needs FINN's Python (finn-plus 1.6).
"""

import shutil
import sys
from pathlib import Path

import finn_setup
import ports
from finn.builder.build_dataflow import build_dataflow_cfg
from finn.builder.build_dataflow_config import DataflowBuildConfig
from qonnx.core.modelwrapper import ModelWrapper

HERE = finn_setup.HERE
BUILT = "step_minimize_bit_width"
"""The last step that changes what the network computes or how it is folded."""

LAST_WITHOUT_VIVADO = "step_hw_codegen"


def main() -> int:
    """FINN's exit code: 0 for a build that ended well."""
    whole = "--bitfile" in sys.argv[1:]
    if whole and not finn_setup.HAS_VIVADO:
        sys.exit("--bitfile needs Vivado: source its settings64.sh, so that XILINX_VIVADO is set")
    sys.path.insert(0, str(HERE))  # the search for a folding is a step of its own
    cfg = DataflowBuildConfig.construct_from(HERE / "dataflow_build_config.json")
    cfg.output_dir = HERE / "out"
    cfg.stop_step = None if whole else LAST_WITHOUT_VIVADO
    exit_code: int = build_dataflow_cfg(HERE / "model.onnx", cfg)
    if exit_code == 0:
        built = cfg.get_intermediate_models_directory() / f"{BUILT}.onnx"
        check_ends(built)
        shutil.copyfile(built, HERE / "network.onnx")
    return exit_code


def check_ends(built: Path) -> None:
    """Ends the program when FINN left layers at the start or the end to software."""
    whole, part = (ports.names(ModelWrapper(str(path))) for path in (HERE / "model.onnx", built))
    for given, made in zip(whole, part, strict=True):
        if left := set(given) ^ set(made):
            sys.exit(f"FINN has no hardware at {', '.join(sorted(left))}")


if __name__ == "__main__":
    sys.exit(main())
