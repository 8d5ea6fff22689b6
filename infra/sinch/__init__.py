"""Everything we know of Sinch: its wire format, a client, and a simulator that speaks the same format."""
