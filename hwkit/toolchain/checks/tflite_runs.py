"""Runs a reshape of two int8 values in tflite-runtime's interpreter.

Importing it proves nothing: with numpy 2 it imports, and dies when an interpreter is made.
"""

import sys
import zlib
from base64 import b64decode

import numpy as np
from tflite_runtime.interpreter import Interpreter

MODEL = zlib.decompress(
    b64decode(
        b"eNqFUTsKwkAQncT4I0FWDCGFB7AQDNgKdmJhYeEFFISIjahgBAsPYeURPIN3i28mExKD4IaXtzv7ZvbtrCGi"
        b"1WwxJh3PNE198BxYAsYmqoFBFAEOsIGG2QMshU3fw5GPqA7El/3urDpfdjsUYmZQoQVVR+MhwLoEuKm+mhew"
        b"J+S5mhdmx3UH+A1l2pCaDfVaq3is+i3HLI1xzhtYAH2JBOK3J37z0RQvnGaKXNvIDtFxdIrXh63Eud4LPcu1"
        b"UaZtMz8Qb+n9rEoPs/V9ynz9cZfCF5WcFb7Y+0TPmojGkwX3xxP+f25S6lHORmu5+tKeOMkMfQC0HR/J"
    )
)

interpreter = Interpreter(model_content=MODEL, num_threads=1)
interpreter.allocate_tensors()
x = np.array([3, -5], np.int8)
before, after = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
interpreter.set_tensor(before["index"], x.reshape(before["shape"]))
interpreter.invoke()
y = interpreter.get_tensor(after["index"])
if y.ravel().tolist() != x.tolist():
    sys.exit(f"tflite-runtime gave {y.tolist()} for {x.tolist()}")
print("tflite-runtime runs")
