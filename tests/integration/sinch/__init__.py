"""Sinch's client and simulator over real local sockets."""
