"""Programs that run inside a tool's environment and end well only if the tool works."""
