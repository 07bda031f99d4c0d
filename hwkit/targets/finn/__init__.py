"""FINN projects, converted, folded, estimated and executed in FINN's own environment."""
