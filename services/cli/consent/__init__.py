"""Commands about what recipients want."""
