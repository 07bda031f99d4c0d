"""Converts a dense layer with thresholds to FINN's hardware layers and executes them.

``(x0 + x1, x0 - x1)`` of 2-bit inputs, then the count of the thresholds 1, 2 and 3 that each sum
reaches: every one of the 16 inputs must give the integers that plain arithmetic gives.
"""

import os
import sys
from itertools import product
from pathlib import Path

import numpy as np

os.environ["FINN_SETTINGS"] = str(Path("settings.yaml").absolute())
os.environ["FINN_BUILD_DIR"] = str(Path.cwd())

from finn.core.onnx_exec import execute_onnx
from finn.transformation.fpgadataflow.convert_to_hw.quantized_matrix_vector_activation import (
    InferQuantizedMatrixVectorActivation,
)
from finn.transformation.fpgadataflow.convert_to_hw.thresholding import InferThresholdingLayer
from finn.transformation.fpgadataflow.specialize_layers import SpecializeLayers
from finn.util.settings import initialize_dummy_settings
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper


def dense_model() -> ModelWrapper:
    """MatMul and MultiThreshold with FINN's annotations."""
    shape = [1, 2]
    tensors = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xsy"
    }
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"], name="product"),
        helper.make_node(
            "MultiThreshold",
            ["s", "t"],
            ["y"],
            name="thresholds",
            domain="qonnx.custom_op.general",
            out_dtype="UINT2",
            data_layout="NC",
        ),
    ]
    graph = helper.make_graph(
        nodes, "check", [tensors["x"]], [tensors["y"]], value_info=[tensors["s"]]
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = ModelWrapper(helper.make_model(graph, opset_imports=opsets))
    model.set_initializer("w", np.array([[1, 1], [1, -1]], np.float32))
    model.set_initializer("t", np.array([[1, 2, 3]], np.float32))
    for name, datatype in {
        "x": "UINT2",
        "w": "INT2",
        "s": "INT4",
        "t": "INT4",
        "y": "UINT2",
    }.items():
        model.set_tensor_datatype(name, DataType[datatype])
    return model


initialize_dummy_settings()
model = dense_model()
for step in (InferThresholdingLayer(), InferQuantizedMatrixVectorActivation()):
    model = model.transform(step)
for x0, x1 in product(range(4), repeat=2):
    y = execute_onnx(model, {"x": np.array([[x0, x1]], np.float32)})["y"]
    expected = np.clip([[x0 + x1, x0 - x1]], 0, 3)
    if not np.array_equal(y, expected):
        sys.exit(f"FINN gave {y.tolist()} for {[x0, x1]}, not {expected.tolist()}")
kinds = [node.op_type for node in model.transform(SpecializeLayers("xc7z020clg400-1")).graph.node]
if [kind.partition("_")[0] for kind in kinds] != ["MVAU", "Thresholding"]:
    sys.exit(f"FINN made {kinds} of a dense layer with thresholds")
print("FINN converts and executes")
