"""Edge runtimes."""
