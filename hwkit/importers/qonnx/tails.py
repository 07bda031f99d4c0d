"""Functions of reals at a model's end, which no quantizer follows.

A network's integers end where its last quantizer or layer does. A softmax of float logits behind
them is for whoever reads the logits; it is left off the graph and named in its metadata.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hwkit.importers.qonnx.file import OnnxModel
from hwkit.importers.qonnx.unary import FUNCTIONS

_FUNCTIONS = frozenset({"Softmax", "LogSoftmax", *FUNCTIONS}) - {"LeakyRelu", "Abs", "Neg"}


def without_tails(model: OnnxModel) -> tuple[OnnxModel, dict[str, str]]:
    """The model that ends before such functions, and by the names of its outputs what was left off.

    Example: logits "fc" behind a softmax: outputs ("fc",) and {"fc": "Softmax"}.
    """
    nodes, outputs = list(model.nodes), list(model.outputs)
    left_off: dict[str, str] = {}
    for _ in range(len(nodes)):
        producers = {node.outputs[0]: node for node in nodes}
        readers = Counter(name for node in nodes for name in node.inputs)
        found = next(
            (
                (k, producers[name])
                for k, name in enumerate(outputs)
                if name in producers
                and producers[name].op_type in _FUNCTIONS
                and not readers[name]
                and producers[name].inputs[0] not in {*model.constants, *model.inputs, *outputs}
            ),
            None,
        )
        if found is None:
            break
        k, node = found
        name = node.inputs[0]
        later = left_off.pop(outputs[k], "")
        left_off[name] = f"{node.op_type} {later}".strip()
        outputs[k] = name
        nodes.remove(node)
    return replace(model, nodes=tuple(nodes), outputs=tuple(outputs)), left_off
