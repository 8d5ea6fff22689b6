"""What settings may not be together, or not without a word."""
