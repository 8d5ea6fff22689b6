"""Keys, limits and counts, without a server."""
