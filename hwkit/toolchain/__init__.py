"""External programs: one thin wrapper each, and the files that they read and write."""
