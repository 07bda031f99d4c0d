"""Statistics over repeated runs, the profile JSON, and the measurement store."""
