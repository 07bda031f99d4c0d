"""Recurrent layers of quantized ONNX files, which stay float: why they have no integers.

ONNX Runtime's static quantization puts a LSTM between a DequantizeLinear and a QuantizeLinear:
inside it, float32 weights meet float32 states, step after step, in the order of sums and with the
sigmoid of whoever runs it. Two runtimes differ there, so no graph of integers could equal the file.
"""

RECURRENT = frozenset(("LSTM", "GRU", "RNN"))
"""ONNX ops."""

FLOAT_STATES = (
    "it computes in float between its quantizers, and its states have no integers; quantize the "
    "file again, states included, by 'hwkit quantize FILE --calibration DATA'"
)
"""The remedy."""
