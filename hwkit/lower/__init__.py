"""Passes from graph to graph, one a file, each checked by ``checked.apply``."""
