"""The dispatcher: chunks from the log → the ledger → Sinch, at most once, and every outcome back into the log."""
