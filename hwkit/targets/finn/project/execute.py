"""Executes the network as FINN will build it: every layer by FINN's own definition of it.

    python execute.py inputs.npz outputs.npz -- tensor ...

``inputs.npz`` holds integers, batch first: ``names`` of the inputs and ``array0``, .. of each, and
``states``, pairs of an input and of the tensor that becomes its value in the next sample.
``outputs.npz`` gets those of the named tensors that there are, in the same form, int64. The
weights, thresholds and widths are those of the hardware. A value that its wires could not carry is
an error. Needs FINN's Python.
"""

import argparse
import sys
from pathlib import Path

import finn_setup  # noqa: F401  (first: it tells FINN where to write)
import numpy as np
from onnx import NodeProto
from onnx.numpy_helper import to_array
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_node

NETWORK = Path("network.onnx")
DOMAIN = "finn.custom_op.fpgadataflow"


def executable(path: Path) -> ModelWrapper:
    """The built network with each layer's Python definition instead of its HLS or RTL form, which
    only a simulator can run. The attributes, weights, thresholds and widths stay."""
    model = ModelWrapper(str(path))
    for node in model.graph.node:
        for style in ("hls", "rtl"):
            if node.domain == f"{DOMAIN}.{style}":
                node.domain = DOMAIN
                node.op_type = node.op_type.removesuffix(f"_{style}")
    return model


def check_range(model: ModelWrapper, node: NodeProto, context: dict[str, np.ndarray]) -> None:
    """Ends the program when a value leaves the integers of its tensor's datatype."""
    for name in node.output:
        datatype, value = model.get_tensor_datatype(name), context[name]
        low, high = value.min(), value.max()
        if low < datatype.min() or high > datatype.max():
            sys.exit(f"{node.name}: {name} holds {low}..{high}, its wires are {datatype.name}")


def check_constants(model: ModelWrapper) -> None:
    """Ends the program when weights or thresholds do not fit the memories that FINN gives them."""
    for constant in model.graph.initializer:
        datatype, value = model.get_tensor_datatype(constant.name), to_array(constant)
        if not all(datatype.allowed(v) for v in np.unique(value)):
            sys.exit(f"{constant.name}: {value.min()}..{value.max()} does not fit {datatype.name}")


def run(
    model: ModelWrapper,
    feeds: dict[str, np.ndarray],
    states: dict[str, str],
    names: list[str],
) -> dict[str, np.ndarray]:
    """The tensors ``names`` for every sample of ``feeds``; behind the first one, an input of
    ``states`` has the value that the tensor it names had in the sample before."""
    graph = model.graph
    ports = [port.name for port in graph.input]
    context = model.make_empty_exec_context()
    results: dict[str, list[np.ndarray]] = {name: [] for name in names}
    held: dict[str, np.ndarray] = {}
    for k in range(len(next(iter(feeds.values())))):
        # What the hardware does not take may still become a state: the host hands it on.
        given = {name: x[k : k + 1].astype(np.float32) for name, x in feeds.items()} | held
        context |= {name: given[name] for name in ports}
        for node in graph.node:
            execute_node(node, context, graph, opset_version=1)
            check_range(model, node, context)
        values = context | given
        held = {name: values[update].copy() for name, update in states.items()}
        for name, found in results.items():
            found.append(np.rint(values[name][0]).astype(np.int64))
    return {name: np.stack(found) for name, found in results.items()}


def read(path: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Inputs and states."""
    with np.load(path, allow_pickle=False) as file:
        feeds = {str(name): file[f"array{k}"] for k, name in enumerate(file["names"])}
        return feeds, {str(state): str(update) for state, update in file["states"]}


def write(path: str, found: dict[str, np.ndarray]) -> None:
    """Tensors by name."""
    arrays = {f"array{k}": values for k, values in enumerate(found.values())}
    np.savez(path, allow_pickle=False, names=np.array([*found], np.str_), **arrays)


def main() -> None:
    """Runs the files of the command line."""
    parser = argparse.ArgumentParser()
    for name in ("inputs", "outputs"):
        parser.add_argument(name)
    parser.add_argument("tensors", nargs="*")
    arguments = parser.parse_args()
    model = executable(NETWORK)
    check_constants(model)
    feeds, states = read(arguments.inputs)
    present = {*feeds, *(name for node in model.graph.node for name in node.output)}
    names = [name for name in arguments.tensors if name in present]
    write(arguments.outputs, run(model, feeds, states, names))


if __name__ == "__main__":
    main()
