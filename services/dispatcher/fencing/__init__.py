"""What must have been read of the log before anything is claimed."""
