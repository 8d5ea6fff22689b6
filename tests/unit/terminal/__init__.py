"""What is shown on terminals."""
