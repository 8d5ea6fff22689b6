"""Replay: reads the log and cannot send."""
