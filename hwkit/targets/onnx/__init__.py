"""Graphs as ONNX files: integer operators, QDQ and QOp forms, QONNX; run by ONNX Runtime."""
