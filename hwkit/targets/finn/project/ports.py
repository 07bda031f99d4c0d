"""Gives every port of the network a stream of its own, whatever else reads the tensor.

FINN splits the first input and the tensors between layers where several layers read them, and
renames an output that a layer reads as well. This splits the other inputs and puts the names back.
"""

from pathlib import Path

from finn.builder.build_dataflow_config import DataflowBuildConfig
from finn.transformation.fpgadataflow.convert_to_hw.duplicate_streams import (
    InferDuplicateStreamsLayer,
)
from qonnx.core.modelwrapper import ModelWrapper

HERE = Path(__file__).resolve().parent


def names(model: ModelWrapper) -> tuple[list[str], list[str]]:
    """Inputs and outputs, in order."""
    graph = model.graph
    return [port.name for port in graph.input], [port.name for port in graph.output]


def split(model: ModelWrapper, cfg: DataflowBuildConfig) -> ModelWrapper:
    """FINN build step, behind ``step_convert_to_hw``."""
    for _ in model.graph.input:
        model = model.transform(InferDuplicateStreamsLayer())
        first = model.graph.input.pop(0)
        model.graph.input.append(first)
    for wanted, found in zip(
        names(ModelWrapper(str(HERE / "model.onnx")))[1], names(model)[1], strict=True
    ):
        if wanted != found:
            model.rename_tensor(wanted, f"{wanted}/stream")
            model.rename_tensor(found, wanted)
    return model
