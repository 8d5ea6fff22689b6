"""`heliograph keys`: the keys of the API."""
