"""The page that explains a project to whoever opens it."""

from __future__ import annotations

from hwkit.boards import FpgaBoard
from hwkit.identifiers import one_line
from hwkit.target import Lowered
from hwkit.targets.hls4ml.estimate import estimate, kernel
from hwkit.targets.hls4ml.network import Network

_COMMANDS = {
    "Vitis": (
        "vitis-run --mode hls --tcl build_prj.tcl   # or, before 2024.2: vitis_hls -f build_prj.tcl"
    ),
    "Vivado": 'vivado_hls -f build_prj.tcl "csim=1 synth=1 cosim=1"',
    # The layers' traces, which are for csim, are left out of what is synthesized.
    "Quartus": "make network-fpga CXXFLAGS='-march={part} -DHLS_SYNTHESIS' && ./network-fpga",
    "Catapult": "catapult -shell -f build_prj.tcl",
}

_PAGE = """\
# {name}: hls4ml project ({backend}, {part}, {clock} ns, {io_type})

Every value in it is an integer of the network, so any simulation must give the integers of
`tb_data/tb_output_predictions.dat` for those of `tb_data/tb_input_features.dat`:

    {command}
    python compare.py

- `network.json`: the model, each layer with its weights, types and reuse factor; `convert.py` makes
  the project from it with hls4ml 1.3
- `hls4ml_config.yml`: hls4ml's configuration, precision, strategy and reuse factor by layer
- `firmware/`, `network_test.cpp`, `tb_data/`: sources, test bench, golden vectors
- `csim`: C simulation over whole batches, as hwkit runs it
{states}
| layer | inputs x outputs | weight | reuse factor | strategy | cycles (estimated) |
| --- | --- | --- | ---: | --- | ---: |
{rows}
Estimated, by no synthesis: {lut} LUT, {ff} FF, {dsp} DSP, {cycles} cycles; build options and their
meaning are in `build_opt.tcl` where the backend has one. Resource figures hold for Vitis HLS.
"""


_STATES = """\
- states are ports behind the network's own: whoever runs it hands each in as the last inference
  gave it out; `states` in `network.json` has the ports and the initial values
"""


def guide(lowered: Lowered[Network], board: FpgaBoard) -> str:
    """README.md of a project."""
    graph, plan = lowered.graph, lowered.plan
    found = estimate(plan.layers, plan.io_type)
    rows = []
    for layer in plan.layers:
        if k := kernel(layer):
            strategy = "Latency" if layer.reuse_factor == 1 else "Resource"
            size, weight = f"{k.inputs} x {k.outputs}", layer.precision["weight"]
            cells = (layer.name, size, f"`{weight}`", layer.reuse_factor, strategy)
            rows.append(f"| {' | '.join(map(str, cells))} | {found.cycles[layer.name]} |\n")
    return _PAGE.format(
        name=one_line(graph.name),
        backend=board.backend,
        part=board.part,
        clock=f"{board.clock_period_ns:g}",
        io_type=plan.io_type,
        command=_COMMANDS[board.backend].format(part=board.part),
        states=_STATES if graph.states else "",
        rows="".join(rows),
        lut=found.lut,
        ff=found.ff,
        dsp=found.dsp,
        cycles=found.latency_cycles,
    )
