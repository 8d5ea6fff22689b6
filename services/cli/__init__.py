"""The command line, and the runner that starts every service."""
