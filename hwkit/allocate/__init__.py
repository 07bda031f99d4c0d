"""Bit widths for every layer under a budget: plain data in, a ``BitPlan`` out."""
