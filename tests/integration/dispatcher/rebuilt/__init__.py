"""A ledger that was lost, restored from an older dump, or promoted without its last second: the log makes it whole."""
