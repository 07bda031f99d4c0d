"""One step a file, called after the schema's version."""
