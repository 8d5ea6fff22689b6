"""What stands before every application."""
