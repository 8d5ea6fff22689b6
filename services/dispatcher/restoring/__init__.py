"""After a restore: the ledger made anew from the log, and the log told what it lacks."""
