"""Edge runtimes on this machine: int8 .tflite in LiteRT (XNNPACK) and in TFLM."""
