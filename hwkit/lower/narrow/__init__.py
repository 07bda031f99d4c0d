"""Fewer bits for feature maps, chosen by what calibration data shows: QuantMCU (arXiv 2401.13714).

``sites`` finds the maps, ``histograms`` watches them, ``grids`` says what the integers of a
narrower map mean, ``vdqs`` chooses widths, and ``narrowed`` rewrites the graph. It moves integers
on purpose: what it costs is counted by whoever calls it.
"""
