"""Phones' messages → what they say, and what that decides."""
