"""What is known of Sinch without a socket: wire format, fates, rules."""
