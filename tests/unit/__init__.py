"""No network, no disk, no event loop where it can be."""
