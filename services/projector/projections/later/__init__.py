"""What the log says of the offers after a chunk's first: reports that wait for their offer, and who was heard under which."""
