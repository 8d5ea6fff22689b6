"""The projector on a real PostgreSQL."""
