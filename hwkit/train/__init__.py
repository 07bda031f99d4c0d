"""Training with quantization, freezing to an integer graph, and sensitivity: the room of torch."""
