"""Training with quantization, freezing to an integer graph, and sensitivity: the room of torch."""

import warnings

# Brevitas says at import that an optional kernel of its own is absent; nothing here uses it.
warnings.filterwarnings("ignore", message="fast_hadamard_transform package not found")
