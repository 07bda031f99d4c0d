"""FINN's graph as an ONNX file with QONNX's annotations, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    StringStringEntryProto,
    TensorAnnotation,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from hwkit.targets.finn.graph import Constant, Network, Node, Tensor

_OPSET = 18
"""The first in which pads and reductions take their axes as an input."""

_IR_VERSION = 10
_CUSTOM_DOMAIN = "qonnx.custom_op.general"


def onnx_bytes(network: Network, name: str) -> bytes:
    """The model file of ``network``: float tensors that hold integers, each annotated with its
    ``finn_datatype``."""
    inner = [t for t in network.tensors.values() if t.name not in network.inputs + network.outputs]
    graph = GraphProto(
        name=name,
        node=[_node(node) for node in network.nodes],
        input=[_value(network.tensors[name]) for name in network.inputs],
        output=[_value(network.tensors[name]) for name in network.outputs],
        value_info=[_value(tensor) for tensor in inner],
        initializer=[
            numpy_helper.from_array(constant.value, name)
            for name, constant in network.constants.items()
        ],
        quantization_annotation=[*_annotations(network)],
    )
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_CUSTOM_DOMAIN, 1)]
    model = ModelProto(
        ir_version=_IR_VERSION, producer_name="hwkit", opset_import=opsets, graph=graph
    )
    serialized: bytes = model.SerializeToString(deterministic=True)
    return serialized


def _node(node: Node) -> NodeProto:
    return NodeProto(
        op_type=node.kind,
        name=node.name,
        domain=_CUSTOM_DOMAIN if node.custom else "",
        input=node.inputs,
        output=[node.output],
        attribute=[_attribute(key, node.attributes[key]) for key in sorted(node.attributes)],
    )


def _attribute(key: str, value: int | float | str | list[int]) -> AttributeProto:
    made: AttributeProto = helper.make_attribute(key, value)
    return made


def _value(tensor: Tensor) -> ValueInfoProto:
    made: ValueInfoProto = helper.make_tensor_value_info(
        tensor.name, TensorProto.FLOAT, tensor.shape
    )
    return made


def _annotations(network: Network) -> Iterable[TensorAnnotation]:
    for tensor in network.tensors.values():
        layout = {4: "['N', 'H', 'W', 'C']", 2: "['N', 'C']"}.get(len(tensor.shape), "")
        yield _annotation(tensor.name, finn_datatype=tensor.datatype, tensor_layout=layout)
    for name, constant in network.constants.items():
        if constant.datatype:
            yield _annotation(
                name, finn_datatype=constant.datatype, tensor_sparsity=_sparsity(constant)
            )


def _sparsity(constant: Constant) -> str:
    return str({"dw": {"kernel_shape": list(constant.sparsity)}}) if constant.sparsity else ""


def _annotation(name: str, **entries: str) -> TensorAnnotation:
    return TensorAnnotation(
        tensor_name=name,
        quant_parameter_tensor_names=[
            StringStringEntryProto(key=key, value=value) for key, value in entries.items() if value
        ],
    )
