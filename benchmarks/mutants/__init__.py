"""Plants faults in the sources, one at a time, and runs the tests that cover the place."""
