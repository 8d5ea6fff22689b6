"""The doors, tried from a browser."""
