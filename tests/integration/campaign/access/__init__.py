"""Keys of the API, what each may do and how much, in front of a real PostgreSQL."""
