"""``hwkit tune``: the closed loop in steps that are kept by their content (ADR 32)."""
