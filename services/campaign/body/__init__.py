"""A request's body: bytes → values, however many there are."""
