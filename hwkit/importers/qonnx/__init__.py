"""QONNX (and Brevitas) files."""
