"""Writes the hls4ml project that ``network.json`` beside this file describes, into this folder.

A program of its own, which needs hls4ml and numpy alone: ``python convert.py``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.model import ModelGraph
from hls4ml.model.types import FixedPrecisionType, RoundingMode, SaturationMode


def layer_of(description: dict[str, Any]) -> dict[str, Any]:
    """One layer as ``from_layer_list`` takes it."""
    layer = {
        "class_name": description["class_name"],
        "name": description["name"],
        "inputs": description["inputs"],
        **description["attributes"],
        **{key: np.array(value) for key, value in description["data"].items()},
    }
    if "table" in description["types"]:
        # The one precision that hls4ml does not take from its configuration.
        layer["table_t"] = precision_of(description["types"]["table"])
    return layer


def precision_of(text: str) -> FixedPrecisionType:
    """``ap_fixed<8,8>`` without modes as hls4ml's own type."""
    width, integer = text.partition("<")[2].rstrip(">").split(",")
    signed = text.startswith("ap_fixed")
    return FixedPrecisionType(
        int(width), int(integer), signed, RoundingMode.TRN, SaturationMode.WRAP
    )


def configuration(network: dict[str, Any]) -> dict[str, Any]:
    """hls4ml's configuration: the backend's, and for each layer every precision."""
    names = {
        layer["name"]: {
            "Precision": layer["types"],
            "Trace": True,
            "ReuseFactor": layer["reuse_factor"],
            "Strategy": "Latency" if layer["reuse_factor"] == 1 else "Resource",
        }
        for layer in network["layers"]
    }
    return {
        **network["backend"],
        "OutputDir": ".",
        "ProjectName": "network",
        "TraceOutput": True,
        # Weights in headers: what is simulated is what would be synthesized.
        "WriterConfig": {
            "Namespace": None,
            "WriteWeightsTxt": False,
            "WriteTar": False,
            "TBOutputStream": "both",
        },
        "HLSConfig": {
            "Model": {"Precision": "ap_fixed<32,16>", "ReuseFactor": 1, "Strategy": "Latency"},
            "LayerName": names,
        },
    }


if __name__ == "__main__":
    description = json.loads(Path("network.json").read_bytes())
    layers = [layer_of(layer) for layer in description["layers"]]
    ports = description["inputs"], description["outputs"]
    ModelGraph.from_layer_list(configuration(description), layers, *ports).write()
