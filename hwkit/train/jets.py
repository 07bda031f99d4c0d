"""Generated data in the shape of jet tagging: 16 features, five classes.

Not physics: each class is a Gaussian cloud in seven hidden dimensions, seen through fixed random
functions that bend and mix. It stands in for the LHC jet data set (Duarte et al. 2018,
1804.06913), whose networks of 16-64-32-32-5 are a common measure of small FPGA networks, and which
no package ships. Accuracies on it compare with nothing but each other.
"""

from __future__ import annotations

import numpy as np

from hwkit.ir.types import Array

FEATURES, CLASSES = 16, 5
_HIDDEN = 7
_SAMPLES = 20_000
_SEED = 20180418


def generate(samples: int = _SAMPLES) -> tuple[Array, Array]:
    """Features float32 (samples, 16), each of mean 0 and deviation 1, and labels int64."""
    rng = np.random.Generator(np.random.PCG64(_SEED))
    centres = rng.normal(0, 0.3, (CLASSES, _HIDDEN))
    spreads = rng.normal(0, 0.55, (CLASSES, _HIDDEN, _HIDDEN))
    mixing = rng.normal(0, 0.6, (_HIDDEN, FEATURES))
    bending = rng.normal(0, 0.5, (_HIDDEN, FEATURES))
    labels = np.arange(samples) % CLASSES
    noise = rng.normal(0, 1, (samples, _HIDDEN))
    hidden = centres[labels] + np.einsum("nh,nhk->nk", noise, spreads[labels])
    seen = hidden @ mixing + np.tanh(hidden @ bending) ** 2
    seen += 0.8 * rng.normal(0, 1, seen.shape)
    seen = (seen - seen.mean(axis=0)) / seen.std(axis=0)
    return np.round(seen, 3).astype(np.float32), labels.astype(np.int64)
