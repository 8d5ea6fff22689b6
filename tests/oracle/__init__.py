"""The judges: what must hold of tables, ledger and Sinch's record once all is over, written from the contract alone."""
