"""The stages in order: what the command line and the library API call."""
