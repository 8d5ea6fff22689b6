"""What is known of a campaign before it is accepted."""
