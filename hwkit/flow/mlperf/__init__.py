"""Rehearsals of MLPerf Tiny: the MLCommons runner, or a driver of ours, at a board."""
