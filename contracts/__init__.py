"""What we say: events, topics, statuses, codes, identities and HTTP bodies. Pure values; imports nothing of ours."""
