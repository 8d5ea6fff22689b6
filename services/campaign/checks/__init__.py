"""What can be known of a campaign before it is accepted, beyond the form of its fields."""
