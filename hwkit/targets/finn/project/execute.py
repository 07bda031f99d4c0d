"""Executes the network as FINN will build it: every layer by FINN's own definition of it.

    python execute.py inputs.npy outputs.npz -- [tensor ...]

``inputs.npy`` holds integers, batch first; ``outputs.npz`` gets the network's ``output``, and as
``tensor0``, .. those of the named tensors that there are, which ``names`` lists; all int64. The
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


def run(model: ModelWrapper, x: np.ndarray, names: list[str]) -> dict[str, np.ndarray]:
    """The tensors ``names`` for every sample of ``x``."""
    graph = model.graph
    context = model.make_empty_exec_context()
    results: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for sample in x.astype(np.float32):
        context[graph.input[0].name] = sample[np.newaxis]
        for node in graph.node:
            execute_node(node, context, graph, opset_version=1)
            check_range(model, node, context)
        for name, values in results.items():
            values.append(np.rint(context[name][0]).astype(np.int64))
    return {name: np.stack(values) for name, values in results.items()}


def main() -> None:
    """Runs the files of the command line."""
    parser = argparse.ArgumentParser()
    for name in ("inputs", "outputs"):
        parser.add_argument(name)
    parser.add_argument("tensors", nargs="*")
    arguments = parser.parse_args()
    model = executable(NETWORK)
    check_constants(model)
    output = model.graph.output[0].name
    present = {name for node in model.graph.node for name in node.output}
    names = [name for name in arguments.tensors if name in present]
    x = np.load(arguments.inputs, allow_pickle=False)
    found = run(model, x, [output, *names])
    arrays = {"output": found[output], "names": np.array(names, np.str_)}
    arrays.update({f"tensor{k}": found[name] for k, name in enumerate(names)})
    np.savez(arguments.outputs, allow_pickle=False, **arrays)


if __name__ == "__main__":
    main()
