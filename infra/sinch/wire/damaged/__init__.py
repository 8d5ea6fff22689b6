"""Second readings, of callbacks that are not quite JSON, or not quite UTF-8: as much of them as can be read."""
