"""The projector: status tables folded from the log, rows and offsets in one transaction."""
