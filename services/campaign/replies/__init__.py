"""Replies that are probably opt-outs, for people to read and to settle."""
