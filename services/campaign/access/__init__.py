"""Who may call the API: keys, what each may do, and how much."""
