"""What is known of PostgreSQL without one."""
