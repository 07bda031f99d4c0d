"""Post-training quantization: a float network, a few samples of its input, and no training."""
