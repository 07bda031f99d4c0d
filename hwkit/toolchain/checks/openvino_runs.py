"""Runs an absolute value of two integers on OpenVINO's CPU; it must know how to read a .tflite."""

import sys

import numpy as np
import openvino
from openvino import opset13 as ops
from openvino.frontend import FrontEndManager

if "tflite" not in FrontEndManager().get_available_front_ends():
    sys.exit("openvino reads no .tflite")
x = ops.parameter([2], np.float32)
model = openvino.compile_model(openvino.Model([ops.abs(x)], [x]), "CPU")
(y,) = model([np.array([3, -5], np.float32)]).values()
if y.tolist() != [3, 5]:
    sys.exit(f"openvino gave {y.tolist()} for [3, 5]")
print("openvino runs")
