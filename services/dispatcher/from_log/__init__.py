"""What the log says of offers, into the ledger: in any order of reading, any number of times, with the same result."""
